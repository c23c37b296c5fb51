// Pages by their path. A page is a module with a function that fills the stage; it may leave something to be done
// when the player goes.
import { h, announce } from './dom.js';
import { t, errorText } from './i18n.js';
import { state } from './store.js';
import { ApiError } from './api.js';

/**
 * @typedef {object} Page
 * @property {string} title
 * @property {Node|Node[]} body
 * @property {() => void} [leave]
 */

/** @type {Record<string, {load: () => Promise<{default: (path: string) => Promise<Page>|Page}>, signedIn?: boolean}>} */
const ROUTES = {
  '/': { load: () => import('./pages/lobby.js') },
  '/slots': { load: () => import('./pages/slots.js') },
  '/roulette': { load: () => import('./pages/roulette.js') },
  '/blackjack': { load: () => import('./pages/blackjack.js') },
  '/wallet': { load: () => import('./pages/wallet.js'), signedIn: true },
  '/history': { load: () => import('./pages/history.js'), signedIn: true },
  '/fairness': { load: () => import('./pages/fairness.js') },
  '/account': { load: () => import('./pages/account.js'), signedIn: true },
  '/rules': { load: () => import('./pages/rules.js') },
  '/rules/slots': { load: () => import('./pages/rules.js') },
  '/rules/roulette': { load: () => import('./pages/rules.js') },
  '/rules/blackjack': { load: () => import('./pages/rules.js') },
  '/responsible-play': { load: () => import('./pages/responsible.js') },
  '/sign-in': { load: () => import('./pages/sign-in.js') },
  '/sign-up': { load: () => import('./pages/sign-up.js') },
};

/** @type {(() => void)|undefined} */
let leave;
let turn = 0;
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
  addEventListener('popstate', () => { void show(true); });
  return show(false);
}

/** @param {string} path */
export async function navigate(path) {
  if (path !== location.pathname + location.search) history.pushState(null, '', path);
  await show(true);
}

/** Draws the page that is shown again, e.g. in another language. */
export function rerender() { return show(false); }

/** @param {boolean} moved whether the player came from another page, so that focus goes to the new one */
async function show(moved) {
  turn += 1;
  const mine = turn;
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  const path = location.pathname.length > 1 ? location.pathname.replace(/\/$/, '') : '/';
  let route = ROUTES[path];
  if (route?.signedIn && !state.account) {
    history.replaceState(null, '', `/sign-in?next=${encodeURIComponent(path + location.search)}`);
    route = ROUTES['/sign-in'];
  }
  /** @type {Page} */
  let page;
  try {
    page = route ? await (await route.load()).default(path) : { title: t('lost.title'), body: lostPage() };
  } catch (error) {
    if (!(error instanceof ApiError)) console.error(error);
    page = { title: t('error.title'), body: errorPage(error) };
  }
  if (mine !== turn) { page.leave?.(); return; }
  leave?.();
  leave = page.leave;
  document.title = `${page.title} · Imperio`;
  main.replaceChildren(...[page.body].flat());
  main.dataset.page = path;
  afterwards();
  if (moved) {
    scrollTo(0, 0);
    const heading = main.querySelector('h1');
    if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
    announce(page.title);
  }
}

function lostPage() {
  return h('div', { class: 'narrow stack' }, h('h1', null, t('lost.title')), h('p', null, t('lost.text')), h('a', { class: 'button', href: '/' }, t('lost.home')));
}

/** @param {unknown} error */
function errorPage(error) {
  return h('div', { class: 'narrow stack' }, h('h1', null, t('error.title')), h('p', null, errorText(error instanceof ApiError ? error.code : 'internal_error')),
    h('button', { class: 'button', onclick: () => { void rerender(); } }, t('action.again')));
}
