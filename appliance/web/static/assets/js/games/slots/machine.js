// What happens at the slot machine, and what it then shows. Pure: it knows neither the page nor the casino nor a clock.

/**
 * @typedef {import('../../app/types.js').SlotsSpin} SlotsSpin
 * @typedef {import('../../app/types.js').Round} Round
 *
 * @typedef {object} State
 * @property {'ready'|'spinning'|'landing'|'told'|'refused'} phase
 * @property {number[]} stops where the reels rest, or rested before they spun: 15 to 30 each
 * @property {SlotsSpin|null} spin what the casino answered, until the next spin
 * @property {Round|null} last the newest round that is known
 * @property {Node|string} refusal why the last spin was refused
 *
 * @typedef {{type: 'spin'}|{type: 'answered', spin: SlotsSpin}|{type: 'rested'}|{type: 'refused', words: Node|string}
 *   |{type: 'resumed', spin: SlotsSpin}|{type: 'before', round: Round}} Event
 */

/** The stops of a machine that nobody has played: a lemon, an apple, a banana. They pay nothing. */
export const IDLE = [17, 21, 19];

/** @returns {State} */
export function begin() {
  return { phase: 'ready', stops: IDLE, spin: null, last: null, refusal: '' };
}

/**
 * The state after an event. An event that makes no sense in a state changes nothing.
 * @param {State} state
 * @param {Event} event
 * @returns {State}
 */
export function next(state, event) {
  switch (event.type) {
    case 'spin':
      return turning(state) ? state : { ...state, phase: 'spinning', spin: null, refusal: '' };
    case 'answered':
      return state.phase === 'spinning'
        ? { ...state, phase: 'landing', spin: event.spin, last: event.spin.round }
        : state;
    case 'rested':
      return state.phase === 'landing' && state.spin ? { ...state, phase: 'told', stops: state.spin.stops } : state;
    case 'refused':
      return state.phase === 'spinning' ? { ...state, phase: 'refused', refusal: event.words } : state;
    case 'resumed': // a spin that a reload interrupted
      if (turning(state)) return state;
      return { ...state, phase: 'told', stops: event.spin.stops, spin: event.spin, last: event.spin.round };
    case 'before': // the newest of the earlier rounds
      if (state.last) return state;
      return { ...state, last: event.round, stops: turning(state) ? state.stops : event.round.outcome.stops };
  }
}

/** Whether the reels turn, so that nothing else may start. @param {State} state */
export function turning(state) {
  return state.phase === 'spinning' || state.phase === 'landing';
}

/** Whether the shown spin paid more than its stake: a payout up to the stake is no win. @param {State} state */
export function won({ phase, spin }) {
  return phase === 'told' && !!spin && spin.payout > spin.round.staked;
}

/** What the shown spin was paid for: a symbol, on the first two or on all three reels. @param {State} state */
export function hit({ phase, spin }) {
  if (phase !== 'told' || !spin || spin.payout === 0) return null;
  return { symbol: spin.symbols[0], reels: spin.symbols[2] === spin.symbols[0] ? 3 : 2 };
}
