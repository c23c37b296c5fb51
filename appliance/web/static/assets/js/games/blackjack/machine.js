// What happens at the blackjack table, and what it then shows. Pure: it knows neither the page nor the casino nor a
// clock.

/**
 * @typedef {import('../../app/types.js').BlackjackRound} BlackjackRound
 * @typedef {import('../../app/types.js').Round} Round
 * @typedef {import('../../app/types.js').Hand} Hand
 *
 * @typedef {object} State
 * @property {'betting'|'waiting'|'dealing'|'playing'|'told'|'refused'} phase
 * @property {BlackjackRound|null} round what lies on the table, or is being dealt onto it
 * @property {Round|null} last the newest round that is known
 * @property {Round|null} heard what was heard from elsewhere, until it is shown
 * @property {''|'resumed'|'moved'} notice why the table does not look as the player left it
 * @property {boolean} behind the table is outdated, says a refusal: the casino is being asked how it stands
 * @property {boolean} fresh the buttons have just appeared, so a press may have been meant for what was there before
 * @property {Node|string} refusal why the last request was refused
 *
 * @typedef {{type: 'deal'}|{type: 'act', action: string}|{type: 'answered', round: BlackjackRound}|{type: 'rested'}
 *   |{type: 'steady'}|{type: 'refused', words: Node|string, code: string}|{type: 'heard', round: Round}|{type: 'follow'}
 *   |{type: 'laid', round: BlackjackRound|null, notice: State['notice']}} Event
 */

/** The actions in the order of their buttons. Their letters are the same in all languages, as on every table. */
export const LETTERS = /** @type {Record<string, string>} */ ({
  hit: 'H',
  stand: 'S',
  double: 'D',
  split: 'P',
  surrender: 'R',
  insurance: 'I',
  decline_insurance: 'N',
});

/** Refusals which mean that this page shows an outdated round. */
const BEHIND = ['round_open', 'round_moved', 'round_settled', 'round_not_found', 'action_not_allowed'];

const MOST_HANDS = 4;

/** @returns {State} */
export function begin() {
  const none = { round: null, last: null, heard: null };
  return { ...none, phase: 'betting', notice: '', behind: false, fresh: false, refusal: '' };
}

/**
 * The state after an event. An event that makes no sense in a state changes nothing.
 * @param {State} state
 * @param {Event} event
 * @returns {State}
 */
export function next(state, event) {
  switch (event.type) {
    case 'deal':
      if (busy(state) || open(state)) return state;
      return { ...state, phase: 'waiting', round: null, notice: '', refusal: '' };
    case 'act':
      if (busy(state) || !open(state) || !state.round?.allowed_actions.includes(event.action)) return state;
      return { ...state, phase: 'waiting', refusal: '' };
    case 'answered':
      if (state.phase !== 'waiting' || state.behind) return state;
      return { ...state, phase: 'dealing', round: event.round, last: event.round.round, notice: '' };
    case 'rested':
      return state.phase === 'dealing' ? shown(state) : state;
    case 'steady':
      return { ...state, fresh: false };
    case 'refused':
      if (state.phase !== 'waiting') return state;
      if (!state.behind && BEHIND.includes(event.code)) return { ...state, behind: true, refusal: event.words };
      return { ...state, phase: 'refused', behind: false, refusal: event.words, fresh: true };
    case 'heard':
      return further(event.round, state.heard) ? { ...state, heard: event.round } : state;
    case 'follow': {
      if (busy(state) || !state.heard) return state;
      const { heard } = state;
      if (!further(heard, state.round?.round ?? null)) return { ...state, heard: null };
      return {
        ...state,
        phase: 'dealing',
        round: tableOf(heard),
        last: heard,
        heard: null,
        notice: 'moved',
        refusal: '',
      };
    }
    case 'laid': {
      const { round, notice } = event;
      if (busy(state) && !state.behind) return round ? next(state, { type: 'heard', round: round.round }) : state;
      if (!round) return { ...state, phase: state.refusal ? 'refused' : 'betting', round, behind: false, notice: '' };
      return shown({ ...state, round, last: round.round, notice, behind: false, refusal: '' });
    }
  }
}

/** @param {State} state @returns {State} */
function shown(state) {
  return { ...state, phase: open(state) ? 'playing' : 'told', fresh: true };
}

/** Whether an answer is awaited or shown, so that nothing else may start. @param {State} state */
export function busy({ phase }) {
  return phase === 'waiting' || phase === 'dealing';
}

/** Whether a round is open: the panel offers actions. @param {State} state */
export function open({ round }) {
  return !!round && !round.settled;
}

/** Whether the shown round paid more than was staked: a payout up to the stakes is no win. @param {State} state */
export function won({ phase, round }) {
  return phase === 'told' && !!round && round.payout > round.round.staked;
}

/** The hand that plays, or the first. @param {BlackjackRound} round */
function active(round) {
  return Math.max(
    0,
    round.hands.findIndex((hand) => hand.active),
  );
}

/**
 * The actions that the rules offer now, with what each costs on top. The casino allows only what can be paid; what the
 * rules would allow besides is shown with its price.
 * @param {State} state
 * @param {number} coins that the player has
 */
export function actions(state, coins) {
  const { round } = state;
  if (!round || round.settled) return [];
  const hand = round.hands[active(round)];
  const insuring = round.allowed_actions.includes('decline_insurance');
  const two = !insuring && hand.cards.length === 2;
  const byRules = /** @type {Record<string, boolean>} */ ({
    insurance: insuring,
    double: two,
    split: two && worth(hand.cards[0]) === worth(hand.cards[1]) && round.hands.length < MOST_HANDS,
  });
  return Object.keys(LETTERS)
    .filter((name) => byRules[name] || round.allowed_actions.includes(name))
    .map((name) => {
      const costs = cost(name, round.round.stake);
      return { name, costs, can: round.allowed_actions.includes(name) && costs <= coins };
    });
}

/** What an action costs on top of the stake of the round. @param {string} action @param {number} stake */
function cost(action, stake) {
  if (action === 'double' || action === 'split') return stake;
  return action === 'insurance' ? Math.floor(stake / 2) : 0;
}

/** Court cards are worth ten. @param {import('../../app/types.js').Card} card */
function worth({ rank }) {
  return ['jack', 'queen', 'king'].includes(rank) ? '10' : rank;
}

/**
 * What is said on the felt: the key of the words with their values, or nothing where other words stand there: those of
 * a refusal, or of a result.
 * @param {State} state
 * @returns {{key: string, n?: number, hand?: Hand}|null}
 */
export function says(state) {
  const { phase, round } = state;
  if (phase === 'dealing') return { key: 'blackjack.dealing' };
  if (state.refusal || phase === 'told') return null;
  if (!round) return { key: phase === 'waiting' ? 'blackjack.dealing' : 'blackjack.ready' };
  if (round.allowed_actions.includes('decline_insurance')) return { key: 'blackjack.offer_insurance' };
  const at = active(round);
  return { key: round.hands.length > 1 ? 'blackjack.turn_n' : 'blackjack.turn', n: at + 1, hand: round.hands[at] };
}

/** Whether something was heard from elsewhere that is not shown yet. @param {State} state */
export function news({ heard, round }) {
  return !!heard && further(heard, round?.round ?? null);
}

/**
 * Whether a round is newer than another, or the same round further on.
 * @param {Round} a
 * @param {Round|null} b
 */
export function further(a, b) {
  if (!b || a.id !== b.id) return !b || BigInt(a.id) > BigInt(b.id);
  return !b.settled && (a.settled || (a.actions?.length ?? 0) > (b.actions?.length ?? 0));
}

/**
 * A round from the player's list or the live line, in the form of the game's own answers.
 * @param {Round} round
 * @returns {BlackjackRound}
 */
export function tableOf(round) {
  return { ...round.outcome, round, settled: round.settled, payout: round.payout };
}

/**
 * A total as text: a soft total shows both values while more cards may come.
 * @param {{total: number, soft: boolean}} hand
 * @param {boolean} [final] no more cards will come
 */
export function totalText({ total, soft }, final) {
  return soft && total < 21 && !final ? `${total - 10}/${total}` : String(total);
}
