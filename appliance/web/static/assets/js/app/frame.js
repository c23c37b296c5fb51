// The frame around every page: top bar, menu, footer, banner.
import { h, asset, announce } from './dom.js';
import { avatar } from '../components/avatar.js';
import { icon } from '../components/icons.js';
import { t, signed, clock, coins, errorText, currentLanguage, LANGUAGES, keepLanguage } from './i18n.js';
import { state, leave, signedOut, canSignUp, shown } from './store.js';
import { remove, ApiError } from './api.js';
import { on } from './events.js';
import { device, tab } from './kept.js';
import { handOver } from './secret.js';
import { figure } from '../components/figure.js';
import { sound } from './sound.js';
import { navigate } from './navigation.js';
import { NAMES } from '../games/list.js';

/** Redraws the top bar and the footer, after the language, the account or the page has changed. */
export function drawFrame() {
  document.body.classList.toggle('signed-in', !!state.account);
  document
    .getElementById('frame-top')
    ?.replaceChildren(h('a', { class: 'skip', href: '#main', onclick: skip }, t('nav.skip')), topBar(), menu());
  document.getElementById('frame-bottom')?.replaceChildren(footer());
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function topBar() {
  return h(
    'header',
    { class: 'top' },
    h(
      'div',
      { class: 'inside' },
      h(
        'a',
        { class: 'wordmark', href: '/', 'aria-label': t('nav.home') },
        h('img', {
          src: asset('img/logo.svg'),
          alt: '',
          width: 38,
          height: 38,
        }),
        h('span', null, 'Imperio'),
      ),
      h(
        'nav',
        { 'aria-label': t('nav.games') },
        h(
          'ul',
          { class: 'games' },
          NAMES.map((g) =>
            h(
              'li',
              null,
              h('a', { href: `/${g}`, 'aria-label': t(`game.${g}`) }, icon(g), h('span', null, t(`game.${g}`))),
            ),
          ),
        ),
      ),
      ready && coinsReady(),
      h('div', { class: 'purse', id: 'purse' }, purse()),
      h(
        'button',
        {
          class: 'menu-button',
          popovertarget: 'menu',
          'aria-label': t('nav.menu'),
          title: t('nav.menu'),
        },
        icon('menu'),
      ),
    ),
    banner,
  );
}

/** Whether the top bar says that the daily coins are ready. */
let ready = false;
/** When they will be, as last heard; null once that was said, or was so from the start. @type {number|null} */
let due = null;

/** Notes when the daily coins come, and says so when they do: once, and only to who may be invited. */
function watchCoins() {
  const { account } = state;
  const next = account?.daily_coins_at ? Date.parse(account.daily_coins_at) : null;
  if (!account) due = null;
  else if (next && next > Date.now()) due = next;
  const come = due !== null && due <= Date.now();
  if (come) due = null;
  const over = !account || !mayInvite(account) || location.pathname === '/' || (next !== null && next > Date.now());
  const now = (ready || come) && !over;
  if (now === ready) return;
  ready = now;
  document.getElementById('daily-ready')?.remove();
  if (!ready) return;
  document.getElementById('purse')?.before(coinsReady());
  announce(t('daily.come'));
}

function coinsReady() {
  return h('a', { class: 'ready', id: 'daily-ready', href: '/' }, h('span', null, t('daily.come')));
}

/**
 * Whether the pages may invite the player to anything. Not who has set a limit, and not who took a break.
 * @param {import('./types.js').Account} account
 */
export function mayInvite(account) {
  return account.nudges !== false && !state.limited && !device.get('rested');
}

function purse() {
  if (!state.account || !state.sitting) {
    return [
      h('a', { class: 'button slim', href: '/sign-in' }, t('nav.sign_in')),
      canSignUp() && h('a', { class: 'button slim second', href: '/sign-up' }, t('nav.sign_up')),
    ];
  }
  return [
    h(
      'dl',
      { class: 'sitting' },
      h('div', null, h('dt', null, t('purse.net')), h('dd', { id: 'net', 'data-net': state.net }, signed(state.net))),
      h('div', null, h('dt', null, t('purse.time')), h('dd', { id: 'clock' }, clock(Date.now() - state.sitting.start))),
    ),
    h(
      'dl',
      { class: 'balance' },
      h(
        'div',
        null,
        h('dt', null, t('purse.balance')),
        h(
          'dd',
          null,
          h(
            'a',
            { href: '/wallet' },
            h('span', { class: 'coin' }),
            h('span', { id: 'balance', 'data-coins': state.account.coins }, figure(state.account.coins)),
          ),
        ),
      ),
    ),
  ];
}

function menu() {
  /** @param {string} path @param {string} name @param {string} words */
  const link = (path, name, words) => h('a', { href: path }, icon(name), words);
  const theme = document.documentElement.dataset.theme ?? 'auto';
  const element = h(
    'div',
    { id: 'menu', popover: 'auto' },
    h(
      'nav',
      { 'aria-label': t('nav.menu') },
      !state.account && [
        link('/sign-in', 'account', t('nav.sign_in')),
        canSignUp() && link('/sign-up', 'add', t('nav.sign_up')),
      ],
      state.account && who(state.account),
      state.account && [link('/wallet', 'wallet', t('nav.wallet')), link('/history', 'history', t('nav.history'))],
      link('/fairness', 'shield', t('nav.fairness')),
      link('/seasons', 'laurel', t('nav.seasons')),
      state.account && link('/profile', 'medallion', t('nav.profile')),
      state.account && link('/account', 'account', t('nav.account')),
      link('/rules', 'book', t('nav.rules')),
      link('/responsible-play', 'leaf', t('nav.responsible')),
    ),
    h(
      'button',
      { 'aria-pressed': String(sound.on), onclick: toggleSound },
      icon('sound'),
      t('nav.sound'),
      h('span', { class: 'state' }, t(sound.on ? 'state.on' : 'state.off')),
    ),
    h(
      'button',
      { onclick: nextTheme },
      icon('moon'),
      t('nav.theme'),
      h('span', { class: 'state' }, t(`theme.${theme}`)),
    ),
    state.account && h('button', { id: 'sign-out', onclick: signOut }, icon('out'), t('nav.sign_out')),
  );
  element.addEventListener('click', (event) => {
    if (/** @type {Element} */ (event.target).closest('a')) element.hidePopover();
  });
  return element;
}

/** The player's picture and shown name, and the username if that is another. @param {import('./types.js').Account} account */
function who(account) {
  const name = state.profile?.shown_name ?? account.username;
  return h(
    'p',
    { class: 'who' },
    state.profile && avatar(state.profile.avatar, 32),
    h('span', null, h('strong', null, name), name !== account.username && h('small', null, account.username)),
  );
}

function toggleSound() {
  sound.toggle();
  redrawMenu();
}

function nextTheme() {
  const order = ['auto', 'dark', 'light'];
  const next = order[(order.indexOf(document.documentElement.dataset.theme ?? 'auto') + 1) % order.length];
  if (next === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  device.set('theme', next);
  redrawMenu();
}

function redrawMenu() {
  const old = document.getElementById('menu');
  const index = [...(old?.querySelectorAll('button') ?? [])].findIndex((b) => b === document.activeElement);
  const fresh = menu();
  old?.replaceWith(fresh);
  fresh.showPopover();
  /** @type {HTMLElement|undefined} */ ([...fresh.querySelectorAll('button')][index])?.focus();
}

/** Signs out. If the casino doesn't answer, the session lives on, and the banner says so. */
export async function signOut() {
  document.getElementById('menu')?.hidePopover();
  try {
    await leave(() => remove('/sessions/current'));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code !== 'unauthenticated') {
      showBanner(`${errorText(error.code, error.retryAfter)} ${t('connection.still_signed_in')}`, {
        kind: error.status === 0 ? 'lost' : undefined,
        close: true,
      });
      return;
    }
  }
  signedOut();
  await navigate('/');
}

/**
 * Loads the page anew in another language, once the outcome of a bet has been shown. What was on it stays.
 * @param {string} language
 */
async function switchLanguage(language) {
  await shown();
  keepLanguage(language);
  handOver();
  tab.set('focus', 'language');
  location.reload();
}

/** Gives the focus back to the language that was chosen before the page was loaded anew. */
export function refocusLanguage() {
  if (tab.get('focus') !== 'language') return;
  tab.set('focus', null);
  /** @type {HTMLElement|null} */ (document.querySelector('.languages [aria-pressed="true"]'))?.focus();
}

function footer() {
  return h(
    'footer',
    { class: 'foot' },
    h(
      'div',
      { class: 'inside' },
      h(
        'ul',
        null,
        [
          ['/rules', 'nav.rules'],
          ['/fairness', 'nav.fairness'],
          ['/responsible-play', 'nav.responsible'],
          ['/api', 'nav.api'],
        ].map(([path, key]) => h('li', null, h('a', { href: path }, t(key)))),
      ),
      h(
        'div',
        { class: 'languages', role: 'group', 'aria-label': t('nav.languages') },
        LANGUAGES.map((l) =>
          h(
            'button',
            {
              lang: l,
              'aria-pressed': String(l === currentLanguage()),
              title: { en: 'English', es: 'Español', de: 'Deutsch' }[l],
              onclick: () => void switchLanguage(l),
            },
            l.toUpperCase(),
          ),
        ),
      ),
      h('p', { class: 'play-money' }, t('play_money')),
    ),
  );
}

/** Redraws only the figures of the top bar, which change often. */
function drawPurse() {
  const box = document.getElementById('purse');
  if (!box) return;
  const balance = document.getElementById('balance');
  const net = document.getElementById('net');
  if (!state.account || !balance || !net) {
    if (!!state.account !== !!balance) drawFrame();
    return;
  }
  balance.replaceChildren(...figure(state.account.coins));
  balance.dataset.coins = String(state.account.coins);
  net.textContent = signed(state.net);
  net.dataset.net = String(state.net);
}

/** @type {HTMLElement|null} */
let banner = null;
/**
 * Shows a banner under the top bar. It replaces the one before; null removes it.
 * @param {string|null} text
 * @param {{kind?: string, good?: boolean, close?: boolean, action?: HTMLElement}} [options] kind: for clearBanner
 */
export function showBanner(text, options = {}) {
  banner?.remove();
  banner = null;
  if (text === null) return;
  banner = h(
    'div',
    {
      class: `banner${options.good ? ' good' : ''}`,
      role: 'status',
      'data-kind': options.kind,
    },
    h('span', { class: 'dot' }),
    h('p', null, text),
    options.action,
    options.close && h('button', { class: 'button slim', onclick: () => showBanner(null) }, t('action.close')),
  );
  document.querySelector('.top')?.append(banner);
  announce(text);
}

/** Removes the banner if it is of this kind. @param {string} kind */
function clearBanner(kind) {
  if (banner?.dataset.kind === kind) showBanner(null);
}

/** Marks the link of the current page in the frame. */
export function markCurrent() {
  watchCoins(); // the lobby itself says that coins are ready
  for (const link of document.querySelectorAll('#frame-top a[href]')) {
    if (link.getAttribute('href') === location.pathname) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/** Subscribes the frame to signals. Call it once. */
export function startFrame() {
  on('account', drawPurse);
  on('profile', () => {
    if (state.account) document.querySelector('#menu .who')?.replaceWith(who(state.account));
  });
  on('account', watchCoins);
  watchCoins();
  setInterval(() => {
    watchCoins();
    const time = document.getElementById('clock');
    if (time && state.sitting) time.textContent = clock(Date.now() - state.sitting.start);
  }, 5_000);

  let pending = false;
  on('lost', () => {
    if (pending || banner?.dataset.kind !== 'lost')
      showBanner(t(pending ? 'connection.lost_with_bet' : 'connection.lost'), {
        kind: 'lost',
      });
  });
  on('found', () => {
    if (!pending) clearBanner('lost');
  });
  on('bet-pending', () => {
    if (!pending) {
      pending = true;
      showBanner(t('connection.lost_with_bet'), { kind: 'lost' });
    }
  });
  on('bet-found', (answer) => {
    pending = false;
    const words = answer.round.settled
      ? t('connection.bet_found', {
          stake: coins(answer.round.staked),
          payout: coins(answer.round.payout),
        })
      : t('connection.bet_found_open', { stake: coins(answer.round.staked) });
    showBanner(words, {
      good: true,
      close: true,
      action: h('a', { class: 'button slim', href: `/history?round=${answer.round.id}` }, t('connection.see_round')),
    });
  });
  on('bet-refused', (error) => {
    pending = false;
    showBanner(`${t('connection.bet_refused')} ${errorText(error.code, error.retryAfter)}`, { close: true });
  });
  on('bet-unknown', () => {
    pending = false;
    showBanner(t('error.bet_unknown'), { kind: 'unknown' });
  });
  on('account', () => {
    if (state.account) clearBanner('unknown'); // its bet is asked about now; another player's is no business of this one
  });
  on('session-ended', () => {
    const { pathname, search } = location;
    drawFrame();
    showBanner(t('connection.session_ended'), { kind: 'ended', close: true });
    if (!/^\/(sign|reset)-/.test(pathname)) void navigate(`/sign-in?next=${encodeURIComponent(pathname + search)}`);
  });
  on('account', () => {
    if (state.account) clearBanner('ended');
  });
}
