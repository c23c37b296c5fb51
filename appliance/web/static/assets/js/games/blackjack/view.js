// Blackjack.
import { h, announce, reducedMotion } from '../../app/dom.js';
import { t, num, coins, percent, dateTime } from '../../app/i18n.js';
import { state, game, setCoins } from '../../app/store.js';
import { get, ApiError } from '../../app/api.js';
import { Stake } from '../../components/stake.js';
import { shield } from '../../components/shield.js';
import { recentStrip } from '../../components/recent.js';
import { Felt, totalText } from './felt.js';
import { on as listen } from '../../app/events.js';
import { play, prepare, refocus, cameTo } from '../playing.js';
import { cardName } from '../../components/card.js';
import { device } from '../../app/kept.js';
import { sound } from '../../app/sound.js';

/** @typedef {import('../../app/types.js').BlackjackRound} BlackjackRound */

/** Refusals which mean that this page shows an outdated round. */
const BEHIND = ['round_open', 'round_moved', 'round_settled', 'round_not_found', 'action_not_allowed'];

/**
 * Converts a round from the player's list or the live line to the form of the game's own answers.
 * @param {import('../../app/types.js').Round} of
 * @returns {BlackjackRound}
 */
const tableOf = (of) => ({
  ...of.outcome,
  round: of,
  settled: of.settled,
  payout: of.payout,
});

/**
 * Whether a round is newer than another, or the same round further on.
 * @param {import('../../app/types.js').Round} a
 * @param {import('../../app/types.js').Round|undefined} b
 */
function further(a, b) {
  if (!b || a.id !== b.id) return !b || BigInt(a.id) > BigInt(b.id);
  return !b.settled && (a.settled || (a.actions?.length ?? 0) > (b.actions?.length ?? 0));
}

/** The letters of the actions; the same in all languages, as on every table. @type {Record<string, string>} */
const LETTERS = {
  hit: 'H',
  stand: 'S',
  double: 'D',
  split: 'P',
  surrender: 'R',
  insurance: 'I',
  decline_insurance: 'N',
};

function lettersOn() {
  return device.get('letters') !== false;
}
/** @param {boolean} on */
function rememberLetters(on) {
  device.set('letters', on);
}

/** The last round on the table, for redraws of the page. @type {BlackjackRound|null} */
let shown = null;

/** @returns {Promise<import('../../app/routes.js').Page>} */
export default async function blackjack() {
  shown = null;
  const info = await game('blackjack');
  const outcome = h('p', { class: 'outcome', id: 'outcome' }, t('blackjack.ready'));
  const notice = h('p', { class: 'notice', hidden: true, id: 'resume' });
  const felt = new Felt(outcome, notice);
  /** @type {BlackjackRound|null} */
  let round = null;
  let busy = false;
  /**
   * The newest round that the live line reported while an answer was awaited or shown.
   * @type {import('../../app/types.js').Round|null}
   */
  let told = null;

  const strip = recentStrip('blackjack');
  const stake = new Stake();
  const could = h('p', { class: 'what' });
  stake.addEventListener('stake', () => {
    could.textContent = t('blackjack.could_win', {
      coins: coins(Math.floor(stake.value * 2.5)),
    });
  });
  stake.setup({
    game: 'blackjack',
    min: info.min_stake,
    max: info.max_stake,
    value: Math.max(info.min_stake, 10),
  });
  const go = h(
    'button',
    {
      class: 'button primary wide go',
      id: 'deal',
      type: 'button',
      disabled: !info.enabled,
      onclick: () => {
        void deal();
      },
    },
    t(info.enabled ? 'blackjack.deal' : 'bet.disabled'),
  );
  const opening = h('div', { class: 'stack opening' }, could, stake, go);
  const actions = h('div', {
    class: 'actions',
    role: 'group',
    'aria-label': t('blackjack.actions'),
    hidden: true,
  });
  // Single-letter keys can be switched off, for people who use speech input (WCAG 2.1.4).
  const letters = h('input', {
    type: 'checkbox',
    onchange: () => rememberLetters(letters.checked),
  });
  letters.checked = lettersOn();
  const panel = h(
    'section',
    { class: 'betting panel', 'aria-label': t('bet.panel') },
    h(
      'div',
      { class: 'headline' },
      h('strong', null, t('game.blackjack')),
      shield(() => round?.round ?? null),
    ),
    h('div', { class: 'turns' }, opening, actions),
    h(
      'div',
      { class: 'small-print' },
      h(
        'div',
        { class: 'facts-line of-table' },
        h(
          'span',
          null,
          t('bet.limits', {
            min: num(info.min_stake),
            max: num(info.max_stake),
          }),
        ),
        info.sheet?.figures &&
          h(
            'span',
            null,
            t('bet.return', {
              share: percent(info.sheet.figures.return_decimal),
            }),
          ),
      ),
      h(
        'div',
        { class: 'facts-line' },
        h('label', { class: 'check letters' }, letters, h('span', null, t('blackjack.letters'))),
        h('a', { href: '/rules/blackjack' }, t('bet.rules')),
      ),
    ),
  );

  /** What an action costs on top, for the active hand. @param {string} action */
  function cost(action) {
    const hand = round?.hands.find((x) => x.active) ?? round?.hands[0];
    if (action === 'double' || action === 'split') return hand?.stake ?? 0;
    return action === 'insurance' ? Math.floor((round?.round.stake ?? 0) / 2) : 0;
  }

  function redraw() {
    const open = !!round && !round.settled;
    opening.hidden = open;
    actions.hidden = !open;
    go.disabled = busy || !info.enabled;
    stake.disabled = busy;
    panel.dataset.open = String(open);
    if (!open || !round) return;
    const had = /** @type {HTMLElement|null} */ (document.activeElement)?.dataset.action;
    actions.replaceChildren(
      ...Object.keys(LETTERS)
        .filter((a) => round?.allowed_actions.includes(a))
        .map((action) => {
          const costs = cost(action);
          return h(
            'button',
            {
              class: 'button action',
              type: 'button',
              'data-action': action,
              disabled: busy || costs > (state.account?.coins ?? 0),
              'aria-keyshortcuts': LETTERS[action],
              onclick: () => {
                void act(action);
              },
            },
            h('kbd', null, LETTERS[action]),
            h('span', null, t(`action.${action}`)),
            costs > 0 &&
              h(
                'small',
                null,
                h('span', { class: 'sr' }, t('blackjack.costs', { coins: coins(costs) })),
                h('span', { class: 'price', 'aria-hidden': 'true' }, h('span', { class: 'coin' }), num(costs)),
              ),
          );
        }),
    );
    if (!busy && had)
      /** @type {HTMLElement|null} */ (
        actions.querySelector(`[data-action="${had}"]`) ??
          /** @type {HTMLElement|null} */ (actions.querySelector('button'))
      )?.focus();
  }

  /** @param {BlackjackRound} answer @param {boolean} animated */
  async function show(answer, animated) {
    round = answer;
    notice.hidden = true;
    inSight();
    await felt.show(answer, animated);
    tell(answer);
  }

  /** Scrolls to the felt: the player may be looking at the last rounds. */
  function inSight() {
    felt.element.scrollIntoView({
      block: 'nearest',
      behavior: reducedMotion() ? 'auto' : 'smooth',
    });
  }

  /** @param {BlackjackRound} answer @param {boolean} [again] it was announced before, in another language */
  function tell(answer, again = false) {
    shown = answer;
    felt.element.dataset.open = String(!answer.settled);
    outcome.classList.remove('won');
    if (answer.settled) {
      const net = answer.payout - answer.round.staked;
      const results = answer.hands.map((hand) => t(`result.${hand.result ?? 'lose'}`)).join(', ');
      const words = `${results}. ${cameTo(answer.round)}`;
      outcome.textContent = answer.hands.length > 1 ? cameTo(answer.round) : words; // with several hands, each shows its own result
      outcome.classList.toggle('won', net > 0);
      if (again) return;
      stake.played(answer.round.stake);
      announce(`${t('blackjack.dealer_has', { total: totalText(answer.dealer, true) })} ${words}`);
      strip.add(answer.round);
      if (net > 0 && !document.hidden) sound.play('win');
      return;
    }
    const hand = answer.hands.find((x) => x.active) ?? answer.hands[0];
    const words = answer.allowed_actions.includes('decline_insurance')
      ? t('blackjack.offer_insurance')
      : answer.hands.length > 1
        ? t('blackjack.turn_n', {
            n: answer.hands.indexOf(hand) + 1,
            total: totalText(hand),
          })
        : t('blackjack.turn', { total: totalText(hand) });
    outcome.textContent = words;
    if (again) return;
    const up = answer.dealer.cards[0];
    announce(
      `${hand.cards.map((c) => cardName(c.rank, c.suit)).join(', ')}. ${words} ${up ? t('blackjack.dealer_shows', { card: cardName(up.rank, up.suit) }) : ''}`,
    );
  }

  /** @param {string} path @param {any} body */
  async function send(path, body) {
    if (busy) return;
    busy = true;
    redraw();
    let behind = false;
    try {
      await play(path, body, {
        show: (/** @type {BlackjackRound} */ answer) => show(answer, true),
        refused: (words, body, code) => {
          outcome.replaceChildren(body);
          announce(words);
          behind = BEHIND.includes(code);
        },
      });
      if (behind) await catchUp();
    } finally {
      busy = false;
      redraw();
      // Focus stays with the hand that plays: on the next actions, or on the button for the next round.
      refocus(...(round && !round.settled ? [actions.querySelector('button:not(:disabled)')] : [go]));
    }
    void follow();
  }

  /** Shows what is played elsewhere: in another window, or on another device. */
  async function follow() {
    if (busy || !told) return;
    const now = told;
    told = null;
    if (!further(now, round?.round)) return;
    busy = true;
    redraw();
    // A single step is dealt as if it had been taken here; after a larger jump the table is laid out again.
    const step = round?.round.id !== now.id || (now.actions?.length ?? 0) - (round.round.actions?.length ?? 0) === 1;
    try {
      if (!step) felt.clear();
      await show(tableOf(now), step && !document.hidden);
      say();
    } finally {
      busy = false;
      redraw();
    }
    await follow();
  }

  /** Fetches and shows the current state of this page's round, or else the open round. */
  async function catchUp() {
    /** @param {unknown} error */
    const none = (error) => {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    };
    try {
      let now = round && !round.settled ? await get(`/me/rounds/${round.round.id}`).then(tableOf, none) : null;
      if (!now) {
        now = /** @type {BlackjackRound|null} */ (await get('/games/blackjack/rounds/open').catch(none));
        if (now) setCoins(now.coins, now.held_coins);
      }
      if (state.account) state.account.open_round_id = now && !now.settled ? now.round.id : null;
      felt.clear();
      round = null;
      if (!now) return;
      await show(now, false);
      say();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the banner reports a lost connection, and the next press asks again
    }
  }

  /** Explains why the table has changed. */
  function say() {
    notice.textContent = t('error.round_moved');
    notice.hidden = false;
  }

  async function deal() {
    if (round && !round.settled) return;
    inSight();
    if (state.account) {
      felt.clear();
      outcome.textContent = t('blackjack.dealing');
      outcome.classList.remove('won');
    }
    await send('/games/blackjack/rounds', { stake: stake.value });
  }

  /** @param {string} action */
  async function act(action) {
    if (!round || round.settled || !round.allowed_actions.includes(action)) return;
    await send(`/games/blackjack/rounds/${round.round.id}/actions`, {
      action,
      taken: round.round.actions?.length ?? 0,
    });
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    if (!letters.checked || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (
      /** @type {HTMLElement} */ (event.target).closest(
        'input:not([type=checkbox]), select, textarea, dialog, [popover]',
      )
    )
      return;
    const action = Object.keys(LETTERS).find((a) => LETTERS[a] === event.key.toUpperCase());
    if (action && round?.allowed_actions.includes(action)) {
      event.preventDefault();
      void act(action);
    }
  }
  document.addEventListener('keydown', key);

  /** A bet or an action that a reload interrupted. @param {any} event */
  function resumed(event) {
    const answer = event;
    if (answer?.round?.game === 'blackjack') void show(answer, false).then(redraw);
  }
  /** @param {any} event */
  function heard(event) {
    const now = event;
    if (now.game !== 'blackjack') return;
    told = now;
    void follow();
  }
  function missed() {
    if (!busy && round && !round.settled) void catchUp().then(redraw);
  }
  const off_resumed = listen('resumed', resumed);
  const off_heard = listen('round', heard);
  const off_missed = listen('missed', missed);

  if (state.account?.open_round_id) {
    try {
      const open = /** @type {BlackjackRound} */ (await get('/games/blackjack/rounds/open'));
      await show(open, false);
      notice.textContent = t('blackjack.resumed', {
        time: dateTime(open.round.opened_at),
      });
      notice.hidden = false;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }
  if (!round && shown) {
    round = shown;
    await felt.show(shown, false);
    tell(shown, true);
  }
  redraw();
  prepare();
  void strip.load().catch(() => {}); // the strip stays empty; the banner reports the lost connection

  return {
    title: t('game.blackjack'),
    body: h(
      'div',
      { class: 'game' },
      h('h1', null, t('game.blackjack')),
      h('div', { class: 'play' }, panel, h('div', { class: 'stage blackjack' }, felt.element)),
      strip.element,
    ),
    leave() {
      document.removeEventListener('keydown', key);
      off_resumed();
      off_heard();
      off_missed();
    },
  };
}
