// What a link of the operator carries behind #: the code of an invitation, or the right to set a password. Browsers
// never send that part to a server. It stays neither in the address bar nor in the browser's history, but only in this
// page's memory, and for a moment in the tab's storage when the page is loaded anew in another language.
import { tab } from './kept.js';

/** The pages that take it. */
const PAGES = ['/sign-up', '/reset-password'];

/** @type {Map<string, string>} */
const taken = new Map(tab.get('secrets') ?? []);
tab.set('secrets', null);

/** Takes what the address carries, and removes it from there. */
export function takeSecret() {
  const { pathname, search, hash } = location;
  const page = pathname.replace(/\/$/, '');
  if (hash.length < 2 || !PAGES.includes(page)) return;
  taken.set(page, hash.slice(1));
  history.replaceState(history.state, '', pathname + search);
}

/** What the link to a page carried, or "". @param {string} page its path */
export function secretOf(page) {
  return taken.get(page) ?? '';
}

/** Hands everything over to the same page, which is about to be loaded anew. */
export function handOver() {
  if (taken.size) tab.set('secrets', [...taken]);
}

/** Forgets it once it is used. @param {string} page its path */
export function forgetSecret(page) {
  taken.delete(page);
}
