// Pages by their path. A page is a module whose function fills the stage. It may return a cleanup for when the player
// leaves.
import { h, announce } from './dom.js';
import { t, errorText } from './i18n.js';
import { state, games } from './store.js';
import { ApiError } from './api.js';
import { emit, once } from './events.js';
import { check, connection } from './connection.js';
import { correct, navigate, placeBefore, startNavigation } from './navigation.js';
import { takeSecret } from './secret.js';

/**
 * @typedef {object} Page
 * @property {string} title
 * @property {Node|Node[]} body
 * @property {() => void} [there] called once the body is in its place, before it is painted: to measure it
 * @property {() => void} [leave]
 *
 * @typedef {object} Route
 * @property {string} title the key of its words, until the page is there
 * @property {() => Promise<{default: (path: string, back: boolean) => Promise<Page>|Page}>} load back: the player was here before, and comes back to it
 * @property {boolean} [signedIn]
 * @property {boolean} [games] it needs the games, so they are asked for at once
 */

/** @type {Record<string, Route>} */
const ROUTES = {
  '/': { title: 'lobby.title', load: () => import('../pages/lobby.js'), games: true },
  '/slots': { title: 'game.slots', load: () => import('../games/slots/view.js'), games: true },
  '/roulette': { title: 'game.roulette', load: () => import('../games/roulette/view.js'), games: true },
  '/blackjack': { title: 'game.blackjack', load: () => import('../games/blackjack/view.js'), games: true },
  '/wallet': { title: 'nav.wallet', load: () => import('../pages/wallet.js'), signedIn: true },
  '/history': { title: 'nav.history', load: () => import('../pages/history.js'), signedIn: true },
  '/fairness': { title: 'nav.fairness', load: () => import('../pages/fairness.js') },
  '/account': { title: 'nav.account', load: () => import('../pages/account.js'), signedIn: true },
  '/profile': { title: 'nav.profile', load: () => import('../pages/profile.js'), signedIn: true },
  '/seasons': { title: 'nav.seasons', load: () => import('../pages/seasons.js') },
  '/seasons/player': { title: 'season.player', load: () => import('../pages/season-player.js') },
  '/rules': { title: 'nav.rules', load: () => import('../pages/rules.js'), games: true },
  '/rules/slots': { title: 'nav.rules', load: () => import('../pages/rules.js'), games: true },
  '/rules/roulette': { title: 'nav.rules', load: () => import('../pages/rules.js'), games: true },
  '/rules/blackjack': { title: 'nav.rules', load: () => import('../pages/rules.js'), games: true },
  '/responsible-play': { title: 'nav.responsible', load: () => import('../pages/responsible.js'), games: true },
  '/sign-in': { title: 'nav.sign_in', load: () => import('../pages/sign-in.js') },
  '/sign-up': { title: 'nav.sign_up', load: () => import('../pages/sign-up.js') },
  '/reset-password': { title: 'reset.title', load: () => import('../pages/reset-password.js') },
};

/** The path of the page, without a slash at its end. */
function pagePath() {
  return location.pathname.length > 1 ? location.pathname.replace(/\/$/, '') : '/';
}

/** Asks for what the first page needs, before anything is known of the player. */
export function prefetch() {
  if (ROUTES[pagePath()]?.games) games().catch(() => {}); // the page asks again, and says what is wrong
}

/** How long a page may take before its skeleton is shown, in milliseconds. */
const PATIENCE = 300;

/** @type {Page|undefined} */
let page;
let turn = 0;

/**
 * Shows the page at the current address, and each that the player goes to.
 * @param {() => void} drawn called after each page
 */
export function startRoutes(drawn) {
  return startNavigation(
    (path) => path in ROUTES,
    (how) => show(how, drawn),
  );
}

/** @param {import('./navigation.js').Arrival} how @param {() => void} drawn */
async function show({ moved, back }, drawn) {
  takeSecret();
  turn += 1;
  const mine = turn;
  const path = pagePath();
  let route = ROUTES[path];
  if (route?.signedIn && !state.account) {
    correct(`/sign-in?next=${encodeURIComponent(path + location.search)}`);
    route = ROUTES['/sign-in'];
  }
  const waiting = setTimeout(() => {
    if (mine === turn && route) put(path, bones(route), moved, drawn);
  }, PATIENCE);
  /** @type {Page} */
  let next;
  try {
    next = route ? await (await module(route)).default(path, back) : { title: t('lost.title'), body: lostPage() };
  } catch (error) {
    if (!(error instanceof ApiError)) console.error(error);
    next = errorPage(error);
  }
  clearTimeout(waiting);
  if (mine !== turn) {
    next.leave?.();
    return;
  }
  put(path, next, moved, drawn);
  if (back) scrollTo(0, placeBefore());
  if (moved) announce(next.title);
}

/**
 * Puts a page on the stage, after the cleanup of the page before it.
 * @param {string} path
 * @param {Page} next
 * @param {boolean} moved
 * @param {() => void} drawn
 */
function put(path, next, moved, drawn) {
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  page?.leave?.();
  page = next;
  document.title = `${next.title} · Imperio`;
  main.replaceChildren(...[next.body].flat());
  main.dataset.page = path;
  next.there?.();
  drawn();
  if (!moved) return;
  scrollTo(0, 0);
  const heading = main.querySelector('h1');
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** Loads a page's module. A failure counts as a lost connection. @param {Route} route */
async function module(route) {
  try {
    return await route.load();
  } catch (error) {
    console.warn(error);
    emit('unanswered');
    throw new ApiError(0, 'offline', { module: true });
  }
}

/** The skeleton of a page that is still loading. @param {Route} route @returns {Page} */
function bones(route) {
  return {
    title: t(route.title),
    body: h(
      'div',
      { class: 'stack', 'aria-busy': 'true' },
      h('h1', null, t(route.title)),
      [1, 2, 3].map(() => h('div', { class: 'skeleton block' })),
    ),
  };
}

function lostPage() {
  return h(
    'div',
    { class: 'narrow stack' },
    h('h1', null, t('lost.title')),
    h('p', null, t('lost.text')),
    h('a', { class: 'button', href: '/' }, t('lost.home')),
  );
}

/**
 * What went wrong, and a button to try again. If the connection was lost, the page shows itself once it is back.
 * @param {unknown} error
 * @returns {Page}
 */
function errorPage(error) {
  const problem = error instanceof ApiError ? error : new ApiError(500, 'internal_error');
  // Browsers may cache a failed module load, so the whole page is reloaded.
  const retry = problem.problem.module
    ? () => location.reload()
    : () => void navigate(location.pathname + location.search);
  const off = problem.status === 0 ? once('found', retry) : undefined;
  return {
    title: t('error.title'),
    body: h(
      'div',
      { class: 'narrow stack' },
      h('h1', null, t('error.title')),
      h('p', null, errorText(problem.code, problem.retryAfter)),
      h(
        'button',
        {
          class: 'button',
          onclick: async () => {
            await check();
            if (!connection.lost) retry();
          },
        },
        t('action.again'),
      ),
    ),
    leave: off,
  };
}
