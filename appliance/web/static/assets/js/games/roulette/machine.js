// What happens at the roulette table, and what it then shows. Pure: it knows neither the page nor the casino nor a clock.
import { SPOT, fromBets, total } from './bets.js';

/**
 * @typedef {import('../../app/types.js').RouletteSpin} RouletteSpin
 * @typedef {import('../../app/types.js').Round} Round
 * @typedef {import('./bets.js').Chips} Chips
 *
 * @typedef {object} Limits
 * @property {number} min of a spin
 * @property {number} max of a spin
 * @property {number} position the most on one spot
 *
 * @typedef {'wheel'|'cloth'|'calls'} Place
 * @typedef {{kind: 'number', n: number}|{kind: 'finals'}|{kind: 'saved'}} Sheet
 * @typedef {{name: string, laid: Chips}} Saved
 *
 * @typedef {object} State
 * @property {Limits} limits
 * @property {'betting'|'spinning'|'rolling'|'told'|'refused'} phase
 * @property {Chips} laid coins by spot; empty once the ball has fallen
 * @property {Chips[]} before what lay on the table earlier, for undo
 * @property {Chips} last the bets of the last spin
 * @property {number} chip the worth of the chosen chip
 * @property {boolean} erasing touches take chips back
 * @property {boolean} lining a touch on a number opens all bets with it
 * @property {string|null} touched the spot that took the last chip
 * @property {number} each neighbours on each side of a number
 * @property {Place} place what is shown where there is room for one thing only
 * @property {0|1} half which half of the cloth is shown where there is no room for all of it
 * @property {'sectors'|'neighbours'|'finals'} calls which call bets are shown where there is no room for all
 * @property {Sheet|null} sheet what lies over the table
 * @property {RouletteSpin|null} spin what the casino answered, until the next bet
 * @property {Round|null} round the newest round that is known
 * @property {{id: string, pocket: number}[]} fallen the last numbers, newest first
 * @property {{key: string, most?: number}|null} message why the last touch changed nothing
 * @property {Node|string} refusal why the last spin was refused
 * @property {Saved[]} saved
 *
 * @typedef {{type: 'lay', chips: {spot: string, chips: number}[]}|{type: 'take', spot: string}
 *   |{type: 'chip', chip: number}|{type: 'erase'}|{type: 'line'}|{type: 'undo'}|{type: 'clear'}|{type: 'double'}
 *   |{type: 'repeat'}|{type: 'rest', coins: number}|{type: 'each', each: number}
 *   |{type: 'keep', name: string}|{type: 'forget', name: string}|{type: 'put', name: string}
 *   |{type: 'show', place: Place}|{type: 'half', half: 0|1}|{type: 'calls', calls: State['calls']}
 *   |{type: 'sheet', sheet: Sheet|null}
 *   |{type: 'spin'}|{type: 'answered', spin: RouletteSpin}|{type: 'rested'}|{type: 'refused', words: Node|string}
 *   |{type: 'resumed', spin: RouletteSpin}|{type: 'before', rounds: Round[]}} Event
 */

export const MOST_BETS = 100;
export const MOST_SAVED = 10;
export const MOST_NEIGHBOURS = 5;
const MOST_UNDONE = 200;
const MOST_FALLEN = 100;

/**
 * @param {Limits} limits
 * @param {{laid?: unknown, last?: unknown, chip?: unknown, each?: unknown}} [kept] what this tab has kept, if anything
 * @param {unknown} [saved] what this device has kept
 * @returns {State}
 */
export function begin(limits, kept = {}, saved = []) {
  const laid = sound(kept.laid);
  return {
    limits,
    phase: 'betting',
    laid: passes(laid, limits) ? {} : laid,
    before: [],
    last: sound(kept.last),
    chip: whole(kept.chip) ?? 5,
    erasing: false,
    lining: false,
    touched: null,
    each: Math.min(MOST_NEIGHBOURS, whole(kept.each) ?? 2),
    place: 'cloth',
    half: 0,
    calls: 'sectors',
    sheet: null,
    spin: null,
    round: null,
    fallen: [],
    message: null,
    refusal: '',
    saved: Array.isArray(saved)
      ? saved
          .filter((s) => typeof s?.name === 'string')
          .map(({ name, laid: chips }) => ({ name, laid: sound(chips) }))
          .slice(0, MOST_SAVED)
      : [],
  };
}

/** What the tab keeps of a state: once the bets are taken, they lie no more. @param {State} state */
export function kept({ phase, laid, last, chip, each }) {
  return { ...(phase === 'rolling' ? { laid: {}, last: laid } : { laid, last }), chip, each };
}

/** @param {unknown} n */
const whole = (n) => (Number.isSafeInteger(n) && Number(n) > 0 ? Number(n) : undefined);

/** Only what can be bets: what is kept may be of another time. @param {unknown} laid @returns {Chips} */
function sound(laid) {
  if (!laid || typeof laid !== 'object') return {};
  return Object.fromEntries(Object.entries(laid).filter(([id, amount]) => SPOT.has(id) && whole(amount)));
}

/** Why bets would pass a limit of the table; null where they don't. @param {Chips} laid @param {Limits} limits */
function passes(laid, limits) {
  if (Object.keys(laid).length > MOST_BETS) return { key: 'too_many' };
  if (total(laid) > limits.max) return { key: 'over_limit', most: limits.max };
  if (Math.max(0, ...Object.values(laid)) > limits.position) return { key: 'over_position', most: limits.position };
  return null;
}

/**
 * The state with other bets on the table, or with the words why not.
 * @param {State} state @param {Chips} laid @param {string|null} [touched] @returns {State}
 */
function laying(state, laid, touched = state.touched) {
  const message = passes(laid, state.limits);
  if (message) return { ...fresh(state), message };
  const before = [...state.before, state.laid].slice(-MOST_UNDONE);
  return { ...fresh(state), laid, before, touched };
}

/** The table open for bets: the result of the last spin is gone, and the wheel gives way. @param {State} state @returns {State} */
function fresh(state) {
  const place = state.place === 'wheel' ? 'cloth' : state.place;
  return { ...state, phase: 'betting', spin: null, message: null, refusal: '', place };
}

/** @param {Chips} laid @param {string} spot @param {number} amount @returns {Chips} */
function more(laid, spot, amount) {
  return { ...laid, [spot]: (laid[spot] ?? 0) + amount };
}

/** @param {Chips} laid @param {string} spot @param {number} amount @returns {Chips} */
function less(laid, spot, amount) {
  const { [spot]: there, ...others } = laid;
  return there > amount ? { ...laid, [spot]: there - amount } : others;
}

/** What is for the time of betting only. @type {Event['type'][]} */
export const BETTING = [
  'lay',
  'take',
  'undo',
  'clear',
  'double',
  'repeat',
  'rest',
  'put',
  'spin',
  'chip',
  'erase',
  'line',
  'resumed',
];

/**
 * The state after an event. An event that makes no sense in a state changes nothing.
 * @param {State} state
 * @param {Event} event
 * @returns {State}
 */
export function next(state, event) {
  if (turning(state) && BETTING.includes(event.type)) return state;
  switch (event.type) {
    case 'lay': {
      if (state.erasing)
        return event.chips.reduce(
          (now, { spot, chips }) => taking(now, spot, chips * state.chip, state.before.length),
          state,
        );
      const laid = event.chips.reduce((now, { spot, chips }) => more(now, spot, chips * state.chip), state.laid);
      return laying(state, laid, event.chips.length === 1 ? event.chips[0].spot : state.touched);
    }
    case 'take':
      return taking(state, event.spot, state.chip, state.before.length);
    case 'chip':
      return { ...giveWay(state), chip: event.chip, erasing: false };
    case 'erase':
      return { ...giveWay(state), erasing: !state.erasing };
    case 'line':
      return { ...giveWay(state), lining: !state.lining, place: 'cloth', sheet: null };
    case 'undo': {
      const laid = state.before.at(-1);
      return laid ? { ...fresh(state), laid, before: state.before.slice(0, -1) } : state;
    }
    case 'clear':
      return isEmpty(state.laid) ? state : laying(state, {});
    case 'double': {
      const laid = toPlay(state);
      return isEmpty(laid)
        ? state
        : laying(state, Object.fromEntries(Object.entries(laid).map(([id, amount]) => [id, amount * 2])));
    }
    case 'repeat':
      return isEmpty(state.last) ? state : laying(state, state.last);
    case 'rest': {
      const { touched, laid, limits } = state;
      if (!touched) return { ...fresh(state), message: { key: 'touch_first' } };
      const sum = total(laid);
      const rest = Math.min(event.coins - sum, limits.max - sum, limits.position - (laid[touched] ?? 0));
      return rest > 0 ? laying(state, more(laid, touched, rest)) : { ...fresh(state), message: { key: 'no_rest' } };
    }
    case 'each':
      return { ...state, each: Math.max(1, Math.min(MOST_NEIGHBOURS, event.each)) };

    case 'keep': {
      const laid = isEmpty(state.laid) ? state.last : state.laid;
      const name = event.name.trim();
      if (!name || isEmpty(laid)) return state;
      const others = state.saved.filter((s) => s.name !== name);
      if (others.length >= MOST_SAVED) return { ...state, message: { key: 'saved_full' } };
      return { ...state, saved: [...others, { name, laid }], message: null };
    }
    case 'forget':
      return { ...state, saved: state.saved.filter((s) => s.name !== event.name) };
    case 'put': {
      const saved = state.saved.find((s) => s.name === event.name);
      return saved ? { ...laying(state, saved.laid), sheet: null, place: 'cloth' } : state;
    }

    case 'show':
      return { ...state, place: event.place, sheet: null };
    case 'half':
      return { ...state, half: event.half, place: 'cloth', sheet: null };
    case 'calls':
      return { ...state, calls: event.calls };
    case 'sheet':
      return { ...state, sheet: event.sheet, message: null };

    case 'spin': {
      const laid = toPlay(state);
      if (total(laid) < Math.max(1, state.limits.min)) return state;
      return { ...fresh(state), phase: 'spinning', laid, place: 'wheel', sheet: null, erasing: false };
    }
    case 'answered':
      return state.phase === 'spinning' ? { ...state, phase: 'rolling', spin: event.spin } : state;
    case 'rested':
      return state.phase === 'rolling' && state.spin ? told(state, state.spin, state.laid) : state;
    case 'refused':
      return state.phase === 'spinning'
        ? { ...state, phase: 'refused', place: 'cloth', refusal: event.words, spin: null }
        : state;
    case 'resumed': // a spin that a reload interrupted
      return { ...told(state, event.spin, fromBets(event.spin.round.bets ?? event.spin.bets)), place: 'wheel' };
    case 'before': {
      // rounds of earlier, newest first
      const known = new Set(state.fallen.map((f) => f.id));
      const earlier = event.rounds.filter((r) => !known.has(r.id)).map((r) => ({ id: r.id, pocket: r.outcome.pocket }));
      return {
        ...state,
        round: state.round ?? event.rounds[0] ?? null,
        fallen: [...state.fallen, ...earlier].slice(0, MOST_FALLEN),
      };
    }
  }
}

/** @param {State} state @param {string} spot @param {number} amount @param {number} undone how far undo goes back without this @returns {State} */
function taking(state, spot, amount, undone) {
  if (!state.laid[spot]) return state;
  const before = state.before.length > undone ? state.before : [...state.before, state.laid].slice(-MOST_UNDONE);
  return { ...fresh(state), laid: less(state.laid, spot, amount), before };
}

/** The wheel gives way to the cloth, but its result stays. @param {State} state @returns {State} */
function giveWay(state) {
  return { ...state, place: state.place === 'wheel' ? 'cloth' : state.place };
}

/** @param {State} state @param {RouletteSpin} spin @param {Chips} bets @returns {State} */
function told(state, spin, bets) {
  return {
    ...state,
    phase: 'told',
    spin,
    round: spin.round,
    laid: {},
    last: bets,
    before: [],
    message: null,
    refusal: '',
    fallen: [{ id: spin.round.id, pocket: spin.pocket }, ...state.fallen.filter((f) => f.id !== spin.round.id)].slice(
      0,
      MOST_FALLEN,
    ),
  };
}

/** @param {Chips} laid */
export function isEmpty(laid) {
  return Object.keys(laid).length === 0;
}

/** Whether the wheel turns, so that nothing can be laid. @param {State} state */
export function turning(state) {
  return state.phase === 'spinning' || state.phase === 'rolling';
}

/** Whether the gold button offers the bets of the last spin once more: nothing was laid since. @param {State} state */
export function again(state) {
  return isEmpty(state.laid) && state.before.length === 0 && !isEmpty(state.last);
}

/** The bets that the gold button would play. @param {State} state @returns {Chips} */
export function toPlay(state) {
  return again(state) ? state.last : state.laid;
}

/**
 * Why the wheel can't be turned now; null where it can.
 * @param {State} state @param {number} coins that the player has
 * @returns {'turning'|'empty'|'below'|'short'|null}
 */
export function hindrance(state, coins) {
  if (turning(state)) return 'turning';
  const sum = total(toPlay(state));
  if (sum === 0) return 'empty';
  if (sum < state.limits.min) return 'below';
  return sum > coins ? 'short' : null;
}

/** The chips that are to be seen: those laid, or those of the spin that is told. @param {State} state @returns {Chips} */
export function onTable(state) {
  return state.phase === 'told' ? state.last : state.laid;
}

/** Where the ball lies, once that may be told. @param {State} state @returns {number|null} */
export function pocket({ phase, spin }) {
  return phase === 'told' && spin ? spin.pocket : null;
}

/** Whether the shown spin paid more than its stake: a payout up to the stake is no win. @param {State} state */
export function won({ phase, spin }) {
  return phase === 'told' && !!spin && spin.payout > spin.round.staked;
}

/** How few rounds say nothing at all. */
const FEW = 20;

/**
 * The numbers that fell most and least of the known rounds; null for few rounds.
 * @param {State} state
 * @returns {{rounds: number, hot: {n: number, times: number}[], cold: {n: number, times: number}[]}|null}
 */
export function often({ fallen }) {
  if (fallen.length < FEW) return null;
  const times = Array.from({ length: 37 }, () => 0);
  const since = Array.from({ length: 37 }, () => Infinity); // rounds since a number fell
  fallen.forEach(({ pocket: n }, i) => {
    times[n] += 1;
    since[n] = Math.min(since[n], i);
  });
  const all = times.map((count, n) => ({ n, times: count }));
  return {
    rounds: fallen.length,
    hot: [...all].sort((a, b) => b.times - a.times || since[a.n] - since[b.n]).slice(0, 3),
    cold: [...all].sort((a, b) => a.times - b.times || since[b.n] - since[a.n] || a.n - b.n).slice(0, 3),
  };
}
