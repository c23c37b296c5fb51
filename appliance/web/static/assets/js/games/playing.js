// What every game page does around a bet: the player's own seed, one bet at a time, refusals in words. Guests play the
// demo: the same games with coins of no account, computed in this browser.
import { ApiError } from '../app/api.js';
import { place } from '../app/bets.js';
import { emit, on } from '../app/events.js';
import { GIVEN, guest, showGuest } from '../app/guest.js';
import { canSignUp, ensureOwnSeed, games, hold, release, state } from '../app/store.js';
import { busyShowing } from '../app/reality.js';
import { h } from '../app/dom.js';
import { html, nothing } from '../app/html.js';
import { t, coins, signed } from '../app/i18n.js';
import { problemText } from '../components/form.js';

/** A guest begins to miss coins below this. */
const FEW = 100;

/** The guest's games, once they were asked for. @type {Promise<import('./demo.js').Demo>|null} */
let demo = null;

/** The guest's games. They end when somebody signs in. */
function demonstration() {
  demo ??= (async () => {
    const [{ Demo }, tables] = await Promise.all([import('./demo.js'), games()]);
    return Demo.begin(tables);
  })();
  demo.catch(() => {
    demo = null; // the next bet tries again
  });
  return demo;
}
on('account', () => {
  if (state.account) demo = null;
});

/** Prepares the seeds while the page is idle, so that the first bet need not wait for them. A game calls it once it listens. */
export function prepare() {
  if (state.account) {
    ensureOwnSeed().catch(() => {}); // the bet asks again, and says what is wrong
    return;
  }
  demonstration()
    .then(({ coins: left, seeds, open }) => {
      if (state.account) return;
      showGuest(left, seeds);
      if (open) emit('resumed', open); // the guest went away from the table, and is back
    })
    .catch(() => {});
}

/** The coins that can be staked now: the player's, or a guest's. */
export function balance() {
  return state.account ? state.account.coins : guest.coins;
}

/** Gives a guest more coins. */
async function giveMore() {
  const games = await demonstration();
  games.give();
  showGuest(games.coins, games.seeds);
}

/** The button for more coins. @param {string} look */
function moreButton(look) {
  return h(
    'button',
    { class: look, type: 'button', 'data-more': true, onclick: () => void giveMore() },
    t('demo.more'),
  );
}

/** @type {HTMLElement|null} */
let line = null;
/** What a guest plays with, in one quiet line. It keeps itself up to date. */
function guestLine() {
  if (!line) {
    line = h('div', { class: 'demo-line', id: 'demo' });
    on('account', fillLine);
  }
  fillLine();
  return line;
}

function fillLine() {
  const now = `${location.pathname} ${guest.coins} ${canSignUp()}`;
  if (!line || state.account || line.dataset.now === now) return; // a link that has the focus stays as it is
  line.dataset.now = now;
  const next = encodeURIComponent(location.pathname);
  line.replaceChildren(
    h(
      'p',
      null,
      h('span', { id: 'demo-coins', 'data-coins': guest.coins }, t('demo.coins', { coins: coins(guest.coins) })),
      h('span', { class: 'short' }, t('demo.short', { coins: coins(guest.coins) })),
      h('span', { class: 'how' }, ` ${t('demo.how')}`),
    ),
    h(
      'p',
      { class: 'ways' },
      ...(guest.coins < FEW ? [moreButton('linklike')] : []),
      ...(canSignUp() ? [h('a', { href: `/sign-up?next=${next}` }, t('nav.sign_up'))] : []),
      h('a', { href: `/sign-in?next=${next}` }, t('nav.sign_in')),
    ),
  );
}

/**
 * The result of a settled round in words: the payout, which includes the stake, and the net.
 * @param {import('../app/types.js').Round} round
 */
export function cameTo({ payout, staked }) {
  return t(payout > 0 ? 'outcome.payout' : 'outcome.none', {
    payout: coins(payout),
    net: signed(payout - staked),
  });
}

/**
 * Gives the focus back to the control that had it before it was disabled, or to a stand-in, unless the player has moved
 * it since.
 * @param {...(Element|null|undefined)} places the first that can take it
 */
export function refocus(...places) {
  const now = document.activeElement;
  if (now && now !== document.body && !now.matches(':disabled')) return;
  for (const place of places) {
    if (place instanceof HTMLElement && place.isConnected && place !== document.body && !place.matches(':disabled')) {
      place.focus({ preventScroll: true });
      return;
    }
  }
}

/**
 * The page of a game: the bet panel and the stage fill the screen, the last rounds lie below.
 * @param {string} name as the API calls the game
 * @param {unknown} panel @param {unknown} stage @param {Node} strip
 */
export function gameTemplate(name, panel, stage, strip) {
  return html`<h1>${t(`game.${name}`)}</h1>
    <div class="play">
      <section class="betting panel" aria-label=${t('bet.panel')}>
        ${panel}${state.account ? nothing : guestLine()}
      </section>
      <div class="stage ${name}">${stage}</div>
    </div>
    ${strip}`;
}

/**
 * Places a bet and shows its outcome: with the casino, or in the demo where nobody is signed in. The balance changes
 * when `show` is done, not before.
 * @template {{coins: number, held_coins?: number, round: import('../app/types.js').Round}} A
 * @param {string} path
 * @param {any} body
 * @param {{
 *   show: (answer: A) => Promise<void>, refused: (words: string, body: Node, code: string) => void
 * }} stage `body` is the words with what else belongs to them
 * @returns {Promise<A|null>} null where the bet was refused
 */
export async function play(path, body, stage) {
  const free = busyShowing();
  try {
    return await (state.account ? playHere(path, body, stage.show) : playDemo(path, body, stage.show));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { words, more } = refusal(error);
    stage.refused(words, h('span', null, words, more && [' ', more]), error.code);
    return null;
  } finally {
    free();
  }
}

/**
 * @template {{coins: number, held_coins?: number, round: import('../app/types.js').Round}} A
 * @param {string} path @param {any} body @param {(answer: A) => Promise<void>} show
 */
async function playHere(path, body, show) {
  /** @type {A|null} */
  let answer = null;
  hold();
  try {
    await ensureOwnSeed();
    answer = /** @type {A} */ (await place(path, body));
    if (answer) await show(answer);
    return answer;
  } finally {
    release(answer);
  }
}

/**
 * @template {{coins: number, round: import('../app/types.js').Round}} A
 * @param {string} path @param {any} body @param {(answer: A) => Promise<void>} show
 */
async function playDemo(path, body, show) {
  const games = await demonstration();
  /** @type {A} */
  const answer = await games.ask(path, body);
  await show(answer);
  if (!state.account) showGuest(games.coins, games.seeds, answer.round);
  return answer;
}

/** Why a bet was refused, until when, and what the player can do about it. @param {ApiError} error */
function refusal(error) {
  const { code, problem } = error;
  if (code === 'limit_reached') {
    const link = h('a', { href: '/responsible-play' }, t('reality.limits'));
    const limit = problem.limit && t('bet.passes_limit', { limit: t(`limit.${problem.limit}`) });
    return { words: problemText(error, limit || undefined), more: link };
  }
  if (code === 'insufficient_coins' && !state.account)
    return { words: t('demo.too_few', { coins: coins(GIVEN) }), more: moreButton('button slim') };
  return { words: problemText(error), more: null };
}
