// Pages by their path. A page is a module whose function fills the stage. It may return a cleanup for when the player
// leaves.
import { h, announce } from './dom.js';
import { t, errorText } from './i18n.js';
import { state, shown } from './store.js';
import { ApiError, signals } from './api.js';
import { check, connection } from './connection.js';
import { takeSecret } from './secret.js';
import { GAMES } from './games/list.js';

/**
 * @typedef {object} Page
 * @property {string} title
 * @property {Node|Node[]} body
 * @property {() => void} [leave]
 * @property {() => Promise<void>} [idle] waits until the page may be redrawn; by default until all outcomes are shown
 *
 * @typedef {object} Route
 * @property {string} title the key of its words, until the page is there
 * @property {() => Promise<{default: (path: string, back: boolean) => Promise<Page>|Page}>} load back: the player was here before, and comes back to it
 * @property {boolean} [signedIn]
 */

/** @type {Record<string, Route>} */
const ROUTES = {
  '/': { title: 'lobby.title', load: () => import('./pages/lobby.js') },
  '/wallet': { title: 'nav.wallet', load: () => import('./pages/wallet.js'), signedIn: true },
  '/history': { title: 'nav.history', load: () => import('./pages/history.js'), signedIn: true },
  '/fairness': { title: 'nav.fairness', load: () => import('./pages/fairness.js') },
  '/account': { title: 'nav.account', load: () => import('./pages/account.js'), signedIn: true },
  '/rules': { title: 'nav.rules', load: () => import('./pages/rules.js') },
  '/responsible-play': { title: 'nav.responsible', load: () => import('./pages/responsible.js') },
  '/sign-in': { title: 'nav.sign_in', load: () => import('./pages/sign-in.js') },
  '/sign-up': { title: 'nav.sign_up', load: () => import('./pages/sign-up.js') },
  '/reset-password': { title: 'reset.title', load: () => import('./pages/reset-password.js') },
};

for (const [name, game] of Object.entries(GAMES)) {
  ROUTES[`/${name}`] = { title: `game.${name}`, load: game.page };
  ROUTES[`/rules/${name}`] = { title: 'nav.rules', load: () => import('./pages/rules.js') };
}

/** @type {Page|undefined} */
let page;
let turn = 0;
/** The scroll position of each entry of the browser's history. @type {Map<number, number>} */
const places = new Map();
/** The entry that is shown. Numbers come from the clock, since entries outlive a reload. */
let entry = Date.now();
/** @type {() => void} */
let afterwards = () => {};

/** @param {() => void} drawn called after each page */
export function startRouter(drawn) {
  afterwards = drawn;
  document.addEventListener('click', (event) => {
    const link = /** @type {Element} */ (event.target).closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.target || link.hasAttribute('download') || !(link.pathname in ROUTES)) return;
    event.preventDefault();
    void navigate(link.pathname + link.search);
  });
  history.scrollRestoration = 'manual'; // the browser would scroll before the page is there
  history.replaceState({ entry }, '');
  addEventListener('popstate', () => { places.set(entry, scrollY); entry = history.state?.entry; void show(true, true); });
  return show(false);
}

/** @param {string} path */
export async function navigate(path) {
  if (path.startsWith('/sign-in?next=%2Fsign-')) return; // already signing in or up: keep the first destination
  if (path.startsWith('/redirect-')) { location.assign(path); return; } // the casino sends the player on, to an older front end
  if (path !== location.pathname + location.search) {
    places.set(entry, scrollY);
    entry = Date.now();
    history.pushState({ entry }, '', path);
  }
  await show(true);
}

/** Draws the current page again, e.g. in another language, once no outcome is being played out on it. */
export async function rerender() {
  const mine = turn;
  await (page?.idle ?? shown)();
  if (mine === turn) await show(false);
}

/** How long a page may take before its skeleton is shown, in milliseconds. */
const PATIENCE = 300;

/** @param {boolean} moved whether the player came from another page, so that focus goes to the new one @param {boolean} [back] whether to where the player was before */
async function show(moved, back = false) {
  takeSecret();
  turn += 1;
  const mine = turn;
  const path = location.pathname.length > 1 ? location.pathname.replace(/\/$/, '') : '/';
  let route = ROUTES[path];
  if (route?.signedIn && !state.account) {
    history.replaceState(history.state, '', `/sign-in?next=${encodeURIComponent(path + location.search)}`);
    route = ROUTES['/sign-in'];
  }
  // A page that is only redrawn stays until the new one is ready.
  const waiting = moved || !page ? setTimeout(() => { if (mine === turn && route) put(path, bones(route), moved); }, PATIENCE) : undefined;
  /** @type {Page} */
  let next;
  try {
    next = route ? await (await module(route)).default(path, back) : { title: t('lost.title'), body: lostPage() };
  } catch (error) {
    if (!(error instanceof ApiError)) console.error(error);
    next = errorPage(error);
  }
  clearTimeout(waiting);
  if (mine !== turn) { next.leave?.(); return; }
  put(path, next, moved);
  if (back) scrollTo(0, places.get(entry) ?? 0);
  if (moved) announce(next.title);
}

/** Puts a page on the stage, after the cleanup of the page before it. @param {string} path @param {Page} next @param {boolean} moved */
function put(path, next, moved) {
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  const focus = moved ? null : focused(main);
  page?.leave?.();
  page = next;
  document.title = `${next.title} · Imperio`;
  main.replaceChildren(...[next.body].flat());
  main.dataset.page = path;
  afterwards();
  const heading = main.querySelector('h1');
  if (moved) scrollTo(0, 0);
  if (moved && heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
  focus?.();
}

/** Returns a function that gives the focus back to the same control after a redraw. @param {HTMLElement} main @returns {(() => void)|null} */
function focused(main) {
  const old = document.activeElement;
  if (!(old instanceof HTMLElement) || old === main || !main.contains(old)) return null;
  const tag = old.tagName.toLowerCase();
  const place = [...main.querySelectorAll(tag)].indexOf(old);
  return () => /** @type {HTMLElement|undefined} */ (main.querySelectorAll(tag)[place])?.focus({ preventScroll: true });
}

/** Loads a page's module. A failure counts as a lost connection. @param {Route} route */
async function module(route) {
  try {
    return await route.load();
  } catch (error) {
    console.warn(error);
    signals.dispatchEvent(new Event('unanswered'));
    throw new ApiError(0, 'offline', { module: true });
  }
}

/** The skeleton of a page that is still loading. @param {Route} route @returns {Page} */
function bones(route) {
  return { title: t(route.title), body: h('div', { class: 'stack', 'aria-busy': 'true' }, h('h1', null, t(route.title)), [1, 2, 3].map(() => h('div', { class: 'skeleton block' }))) };
}

function lostPage() {
  return h('div', { class: 'narrow stack' }, h('h1', null, t('lost.title')), h('p', null, t('lost.text')), h('a', { class: 'button', href: '/' }, t('lost.home')));
}

/** What went wrong, and a button to try again. If the connection was lost, the page reloads itself once it is back. @param {unknown} error @returns {Page} */
function errorPage(error) {
  const problem = error instanceof ApiError ? error : new ApiError(500, 'internal_error');
  // Browsers may cache a failed module load, so the whole page is reloaded.
  const again = problem.problem.module ? () => location.reload() : () => { void show(true); };
  if (problem.status === 0) signals.addEventListener('found', again, { once: true });
  return {
    title: t('error.title'),
    body: h('div', { class: 'narrow stack' }, h('h1', null, t('error.title')), h('p', null, errorText(problem.code, problem.retryAfter)),
      h('button', { class: 'button', onclick: async () => { await check(); if (!connection.lost) again(); } }, t('action.again'))),
    leave: () => signals.removeEventListener('found', again),
  };
}
