// Blackjack: how the table looks, and what its controls do.
import { announce } from '../../app/dom.js';
import { html, render, nothing, repeat } from '../../app/html.js';
import { t, num, coins, percent, dateTime } from '../../app/i18n.js';
import { state as house, game, setCoins } from '../../app/store.js';
import { get, ApiError } from '../../app/api.js';
import { on } from '../../app/events.js';
import { device } from '../../app/kept.js';
import { sound } from '../../app/sound.js';
import { Stake } from '../../components/stake.js';
import { coinsNotice } from '../../components/coins.js';
import { rulesLink } from '../../components/rules.js';
import { shield } from '../../components/shield.js';
import { recentStrip } from '../../components/recent.js';
import { cardName } from '../../components/card.js';
import { play, prepare, gameTemplate, balance, cameTo } from '../playing.js';
import { Felt, insurance } from './felt.js';
import { LETTERS, actions, begin, busy, further, news, next, open, says, tableOf, totalText, won } from './machine.js';

/** @typedef {import('../../app/types.js').BlackjackRound} BlackjackRound */

/** A press so soon after the buttons have changed was meant for those before, in milliseconds. */
const STEADY = 250;

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds));

/** @returns {Promise<import('../../app/routes.js').Page>} */
export default async function blackjack() {
  const info = await game('blackjack');
  const strip = recentStrip('blackjack');
  const felt = new Felt(draw);
  const root = document.createElement('div');
  root.className = 'game';
  const stake = new Stake();
  stake.setup({ game: 'blackjack', min: info.min_stake, max: info.max_stake, value: Math.max(info.min_stake, 10) });
  stake.addEventListener('stake', draw);
  const fair = shield(() => state.last);
  let state = begin();
  /** Whether the last press of a pointer began before there was something to press. */
  let early = false;

  /** @param {import('./machine.js').Event} event */
  function happen(event) {
    state = next(state, event);
    draw();
  }

  function draw() {
    const had = document.activeElement;
    stake.balance = house.account ? balance() : Infinity;
    stake.disabled = busy(state);
    stake.hidden = !canPay(); // what is said about that takes its place
    render(gameTemplate('blackjack', panel(), felt.template(words()), strip.element), root);
    if (had && !had.isConnected && had !== document.body) focus(); // such as the button that collects coins
  }

  /** Whether there are coins for a round. A guest is asked to sign in instead. */
  function canPay() {
    return !house.account || balance() >= info.min_stake;
  }

  function canDeal() {
    return info.enabled && !busy(state) && !state.fresh && !open(state) && canPay();
  }

  function panel() {
    const choosing = !open(state);
    return html`<div class="headline"><strong>${t('game.blackjack')}</strong>${fair}</div>
      <div class="turns" @keydown=${once} @pointerdown=${press} @click=${meant}>
        <div class="stack opening" ?hidden=${!choosing}>
          <p class="what">
            <span>${t('blackjack.could_win', { coins: coins(Math.floor(stake.value * 2.5)) })}</span>
            <span>${t('bet.limits', { min: num(info.min_stake), max: num(info.max_stake) })}</span>
          </p>
          ${stake}${busy(state) ? nothing : coinsNotice(info.min_stake)}
          <button class="button primary wide go" id="deal" type="button" ?disabled=${!canDeal()} @click=${deal}>
            ${t(!info.enabled ? 'bet.disabled' : state.phase === 'told' ? 'blackjack.again' : 'blackjack.deal')}
          </button>
        </div>
        <div class="actions" role="group" aria-label=${t('blackjack.actions')} ?hidden=${choosing}>
          ${repeat(actions(state, balance()), ({ name }) => name, button)}
        </div>
      </div>
      <div class="small-print">
        <span class="returns">${t('bet.return', { share: percent(info.sheet.figures.return_decimal) })}</span>
        <div class="switches">${toggle('letters', true)}${toggle('fast', false)}${rulesLink('blackjack')}</div>
      </div>`;
  }

  /** @param {ReturnType<typeof actions>[number]} action */
  function button({ name, costs, can }) {
    const price = html`<small
      ><span class="sr">${t('blackjack.costs', { coins: coins(costs) })}</span
      ><span class="price" aria-hidden="true"><span class="coin"></span>${num(costs)}</span></small
    >`;
    return html`<button
      class="button action"
      type="button"
      data-action=${name}
      ?disabled=${busy(state) || state.fresh || !can}
      aria-keyshortcuts=${LETTERS[name]}
      @click=${() => act(name)}
    >
      <kbd>${LETTERS[name]}</kbd><span>${t(`action.${name}`)}</span>${costs > 0 ? price : nothing}
    </button>`;
  }

  /**
   * A switch that this device keeps. Single-letter keys can be switched off, for people who use speech input (WCAG
   * 2.1.4).
   * @param {'letters'|'fast'} name @param {boolean} otherwise
   */
  function toggle(name, otherwise) {
    return html`<label class="check ${name}"
      ><input
        type="checkbox"
        .checked=${device.get(name) ?? otherwise}
        @change=${(/** @type {Event} */ event) => {
          device.set(name, /** @type {HTMLInputElement} */ (event.target).checked);
        }}
      /><span>${t(`blackjack.${name}`)}</span></label
    >`;
  }

  /** What stands between the dealer and the player. */
  function words() {
    const insured = state.round && state.phase !== 'dealing' ? insurance(state.round) : '';
    return html`<p class="printed" aria-hidden="true">
        <span>${t('blackjack.pays_3_2')}</span><small>${t('blackjack.stands_17')}</small>
      </p>
      <p class="notice" id="resume" ?hidden=${!notice()}>${notice()}</p>
      <p class="outcome ${won(state) ? 'won' : ''}" id="outcome">${outcome()}</p>
      <p class="insurance" ?hidden=${!insured}>${insured}</p>`;
  }

  function notice() {
    if (!state.round || !state.notice || state.phase === 'dealing') return '';
    if (state.notice === 'moved') return t('error.round_moved');
    return t('blackjack.resumed', { time: dateTime(state.round.round.opened_at) });
  }

  function outcome() {
    const said = says(state);
    if (said) return t(said.key, { n: said.n ?? 0, total: said.hand ? totalText(said.hand) : '' });
    if (state.refusal || !state.round) return state.refusal;
    return state.round.hands.length > 1 ? cameTo(state.round.round) : results(state.round); // else each hand shows its own
  }

  /** @param {BlackjackRound} round */
  function results(round) {
    return `${round.hands.map((hand) => t(`result.${hand.result ?? 'lose'}`)).join(', ')}. ${cameTo(round.round)}`;
  }

  /** Says to those who can't see it what has been dealt. @param {BlackjackRound} round */
  function tell(round) {
    if (round.settled) {
      announce(`${t('blackjack.dealer_has', { total: totalText(round.dealer, true) })} ${results(round)}`);
      stake.played(round.round.stake);
      strip.add(round.round);
      if (won(state) && !document.hidden) sound.play('win');
      return;
    }
    const hand = round.hands.find((x) => x.active) ?? round.hands[0];
    const held = hand.cards.map((c) => cardName(c.rank, c.suit)).join(', ');
    const up = round.dealer.cards[0];
    const shows = up ? t('blackjack.dealer_shows', { card: cardName(up.rank, up.suit) }) : '';
    announce(`${notice()} ${held}. ${outcome()} ${shows}`.trim());
  }

  /** Deals what the state says, and tells it. @param {import('./felt.js').Pace} pace */
  async function show(pace) {
    const { round } = state;
    if (!round) return;
    await felt.deal(round, pace);
    happen({ type: 'rested' });
    tell(round);
  }

  /** Lays a round out as it stands. @param {BlackjackRound|null} round @param {'resumed'|'moved'} why */
  function lay(round, why) {
    const before = state.round;
    happen({ type: 'laid', round, notice: round?.settled && why === 'resumed' ? '' : why });
    if (state.round === before) return; // something is being dealt, and this will follow
    if (!state.round) felt.clear();
    else {
      felt.lay(state.round);
      tell(state.round);
    }
    draw();
  }

  function pace() {
    return device.get('fast') ? 'fast' : 'full';
  }

  /** @param {string} path @param {any} body */
  async function send(path, body) {
    const focused = hadFocus();
    try {
      await play(path, body, {
        show: (/** @type {BlackjackRound} */ answer) => {
          happen({ type: 'answered', round: answer });
          return show(pace());
        },
        refused: (text, words, code) => {
          happen({ type: 'refused', words, code });
          announce(text);
        },
      });
      if (state.behind) await catchUp();
    } finally {
      if (busy(state)) happen({ type: 'refused', words: state.refusal, code: '' });
    }
    await steady(focused);
    await follow();
  }

  /** Shows what is played elsewhere: in another window, or on another device. */
  async function follow() {
    while (!busy(state) && news(state)) {
      const focused = hadFocus();
      happen({ type: 'follow' });
      await show(pace());
      await steady(focused);
    }
  }

  /** Asks the casino how the table stands, and shows that. */
  async function catchUp() {
    /** @param {unknown} error */
    const none = (error) => {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    };
    try {
      const { round } = state;
      let now = round && !round.settled ? await get(`/me/rounds/${round.round.id}`).then(tableOf, none) : null;
      if (!now) {
        now = /** @type {BlackjackRound|null} */ (await get('/games/blackjack/rounds/open').catch(none));
        if (now) setCoins(now.coins, now.held_coins);
      }
      if (house.account) house.account.open_round_id = now && !now.settled ? now.round.id : null;
      lay(now, 'moved');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the banner reports a lost connection, and the next press asks again
    }
  }

  /** Whether the keyboard is at the controls of the hand, or nowhere. */
  function hadFocus() {
    const now = document.activeElement;
    return !now || now === document.body || !!root.querySelector('.turns')?.contains(now);
  }

  /**
   * The buttons accept presses from now on. The focus goes to the first action that is possible, or to the deal button:
   * the one that had it is disabled, or gone.
   * @param {boolean} focused whether it was there, so that it isn't taken from elsewhere
   */
  async function steady(focused) {
    await wait(STEADY);
    happen({ type: 'steady' });
    if (focused && hadFocus()) focus();
  }

  function focus() {
    const places = open(state)
      ? ['.actions button:not(:disabled)']
      : ['#deal:not(:disabled)', '#collect', 'im-daily p'];
    const place = places
      .map((x) => /** @type {HTMLElement|null} */ (root.querySelector(x)))
      .find((x) => x && !x.hidden);
    place?.focus({ preventScroll: true });
  }

  async function deal() {
    if (!canDeal() || !stake.check()) return;
    if (house.account) {
      felt.clear();
      happen({ type: 'deal' });
    }
    await send('/games/blackjack/rounds', { stake: stake.value });
  }

  /** @param {string} action */
  async function act(action) {
    const { round } = state;
    const can = actions(state, balance()).some(({ name, can }) => name === action && can);
    if (!round || busy(state) || !can) return;
    happen({ type: 'act', action });
    await send(`/games/blackjack/rounds/${round.round.id}/actions`, {
      action,
      taken: round.round.actions?.length ?? 0,
    });
  }

  function press() {
    early = busy(state) || state.fresh;
  }

  /** Takes clicks before the buttons do. */
  const meant = {
    capture: true,
    handleEvent(/** @type {MouseEvent} */ event) {
      if (early && event.detail > 0) event.stopPropagation();
      early = false;
    },
  };

  /** A key that is held presses a button once. @param {KeyboardEvent} event */
  function once(event) {
    if (event.repeat && (event.key === 'Enter' || event.key === ' ')) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest('input:not([type=checkbox]), select, textarea, dialog, [popover]')) {
      if (event.key !== 'Enter' || !target.closest('im-stake')) return;
    }
    if (event.key === 'Enter' || event.key === ' ') {
      if (target.closest('a, button, input[type=checkbox]')) return;
      event.preventDefault();
      if (!event.repeat) void deal();
      return;
    }
    if (event.repeat || device.get('letters') === false) return;
    const action = Object.keys(LETTERS).find((name) => LETTERS[name] === event.key.toUpperCase());
    if (!action || !open(state)) return;
    event.preventDefault();
    void act(action);
  }
  document.addEventListener('keydown', key);

  const ends = [
    on('resumed', (answer) => {
      if (answer?.round?.game !== 'blackjack') return;
      lay(answer, 'resumed');
      void steady(false);
    }),
    on('round', (round) => {
      if (round.game !== 'blackjack') return;
      happen({ type: 'heard', round });
      void follow();
    }),
    on('missed', () => {
      if (!busy(state) && open(state)) void look();
    }),
    on('account', draw),
  ];

  /** Looks what happened to the open round while the live line was down. */
  async function look() {
    const { round } = state;
    if (!round) return;
    const now = await get(`/me/rounds/${round.round.id}`).catch(() => null);
    if (!now || !further(now, state.round?.round ?? null)) return;
    happen({ type: 'heard', round: now });
    await follow();
  }

  if (house.account?.open_round_id) {
    try {
      lay(await get('/games/blackjack/rounds/open'), 'resumed');
      void steady(false);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }
  draw();
  prepare();
  void strip.load().catch(() => {}); // the strip stays empty; the banner reports the lost connection

  return {
    title: t('game.blackjack'),
    body: root,
    leave() {
      document.removeEventListener('keydown', key);
      for (const end of ends) end();
    },
  };
}
