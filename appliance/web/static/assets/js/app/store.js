// What the pages know about the player: account, sitting, seeds, games. One place, with a signal on each change.
import { get, post, ApiError } from './api.js';
import { emit, on } from './events.js';
import { device } from './kept.js';

/** @typedef {import('./types.js').Account} Account */
/** @typedef {import('./types.js').Fairness} Fairness */
/** @typedef {import('./types.js').GameInfo} GameInfo */
/** @typedef {import('./types.js').House} House */
/** @typedef {import('./types.js').Profile} Profile */
/** @typedef {import('./types.js').Round} Round */
/** @typedef {import('./types.js').Rule} Rule */

/** A sitting ends after half an hour without play. */
const GAP = 30 * 60_000;

/**
 * @typedef {object} Sitting
 * @property {string} account
 * @property {number} start Unix milliseconds
 * @property {number} seen Unix milliseconds
 * @property {number} base the player's net result of all time when the sitting began
 * @property {number} checked Unix milliseconds of the last reality check
 */

/**
 * @type {{
 *   account: Account|null, profile: Profile|null, sitting: Sitting|null, net: number, fairness: Fairness|null,
 *   games: GameInfo[]|null, rules: Rule[], house: House|null, realityMinutes: number|null, limited: boolean
 * }}
 * limited: the player has a limit in force, or one that is to change
 */
export const state = {
  account: null,
  profile: null,
  sitting: null,
  net: 0,
  fairness: null,
  games: null,
  rules: [],
  house: null,
  realityMinutes: null,
  limited: false,
};

function changed() {
  emit('account');
}

let total = 0; // net of all time
let held = 0; // the number of outcomes that are known but not shown yet

/** Notes whether this browser is signed in. If it isn't, load() need not ask the casino. @param {boolean} known */
function remember(known) {
  device.set('known', known ? 1 : null);
}

/** Whether somebody was signed in on this device before. */
export function wasHere() {
  return device.get('been') === 1;
}

/** Reads who is signed in, if anybody, and who may sign up. */
export async function load() {
  const asked = house().catch(() => {}); // the page that needs it asks again, and says what is wrong
  try {
    await loadAccount();
  } finally {
    await asked;
  }
}

async function loadAccount() {
  if (!device.get('known')) return;
  try {
    state.account = await get('/me');
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 403)) throw error;
    state.account = null;
    remember(false);
  }
  if (state.account) {
    const [statistics, limits, profile] = await Promise.all([
      get('/me/statistics'),
      get('/me/limits'),
      get('/me/profile'),
    ]);
    state.profile = profile;
    total = statistics.total.net;
    noteLimits(limits);
    takeSeat(state.account.id);
    device.set('been', 1);
  }
  changed();
}

/** Notes what the player's limits mean for the pages. @param {import('./types.js').Limits} limits */
export function noteLimits(limits) {
  state.realityMinutes = limits.in_force.reality_check_minutes;
  state.limited = limits.pending.length > 0 || Object.values(limits.in_force).some((limit) => limit !== null);
}

/** @param {string} account */
function takeSeat(account) {
  const now = Date.now();
  /** @type {Sitting|undefined} */
  let seat = device.get('sitting');
  if (!seat || seat.account !== account || now - seat.seen > GAP)
    seat = { account, start: now, seen: now, base: total, checked: now };
  state.sitting = seat;
  state.net = total - seat.base;
  stay();
}

/** Notes that the player is here. */
export function stay() {
  if (!state.sitting) return;
  state.sitting.seen = Date.now();
  device.set('sitting', state.sitting);
}

/** The account after signing in or up. @param {Account} account */
export async function signedIn(account) {
  state.account = account;
  remember(true);
  device.set('sitting', null);
  await load();
}

export function signedOut() {
  state.account = null;
  state.profile = null;
  state.sitting = null;
  state.fairness = null;
  remember(false);
  device.set('sitting', null);
  changed();
}

let leaving = 0; // how many requests that end this session are under way
/**
 * Sends a request that ends this session. Until it is answered, news that the session has ended is ignored.
 * @template T
 * @param {() => Promise<T>} request
 */
export async function leave(request) {
  leaving += 1;
  try {
    return await request();
  } finally {
    leaving -= 1;
  }
}

/** The casino said that the session has ended. */
export function sessionEnded() {
  if (!state.account || leaving > 0) return;
  signedOut();
  emit('session-ended');
}
on('refused-session', sessionEnded);

/**
 * Sets the balance. It is shown at once, unless an outcome is still being played out.
 * @param {number} coins
 * @param {number} [heldCoins]
 */
export function setCoins(coins, heldCoins) {
  if (!state.account || held > 0) return;
  state.account.coins = coins;
  if (heldCoins !== undefined) state.account.held_coins = heldCoins;
  changed();
}

/** Freezes the shown balance until release() is called. */
export function hold() {
  held += 1;
  emit('showing');
}

/**
 * The outcome is shown: the balance and the net result follow.
 * @param {{coins: number, held_coins?: number, round: Round}|null} answer null: nothing happened
 */
export function release(answer) {
  held = Math.max(0, held - 1);
  if (answer && state.account) {
    if (answer.round.settled) {
      total += answer.round.payout - answer.round.staked;
      if (state.sitting) state.net = total - state.sitting.base;
    }
    state.account.open_round_id = answer.round.settled ? null : answer.round.id;
    if (held === 0) setCoins(answer.coins, answer.held_coins);
  } else if (state.account) refresh();
  stay();
  changed();
}

/** Waits until no outcome is being played out. @returns {Promise<void>} */
export function shown() {
  return new Promise((resolve) => {
    if (held === 0) {
      resolve();
      return;
    }
    const off = on('account', () => {
      if (held === 0) {
        off();
        resolve();
      }
    });
  });
}

/** @type {ReturnType<typeof setTimeout>|undefined} */
let soon;
/** Fetches the balance and the net result again, a little later: rounds may have been played in another window. */
export function refresh() {
  clearTimeout(soon);
  soon = setTimeout(async () => {
    if (!state.account || !state.sitting) return;
    if (held > 0) {
      refresh();
      return;
    }
    try {
      const [account, statistics] = await Promise.all([get('/me'), get('/me/statistics')]);
      if (held > 0 || !state.sitting) return;
      state.account = account;
      total = statistics.total.net;
      state.net = total - state.sitting.base;
      changed();
    } catch {
      /* the next round or page asks again */
    }
  }, 4000);
}

/** The player's seeds. @param {boolean} [fresh] ask again */
export async function fairness(fresh = false) {
  if (!state.fairness || fresh) state.fairness = /** @type {Fairness} */ (await get('/me/fairness'));
  return state.fairness;
}

/** Rotates to a client seed drawn in this browser, which the house can't have known. @param {string} seed */
export async function rotate(seed) {
  const answer = await post('/me/fairness/rotations', { client_seed: seed });
  state.fairness = {
    ...answer.fairness,
    revealed: [answer.revealed, ...(state.fairness?.revealed ?? [])],
  };
  changed();
  return answer;
}

/** 128 bits from the browser, as hex. */
export function drawSeed() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

/** @type {Promise<void>|null} */
let ensuring = null;
/**
 * Before the first bet, the default client seed is replaced by one that this browser draws. Callers share one
 * rotation.
 */
export function ensureOwnSeed() {
  ensuring ??= (async () => {
    const now = await fairness();
    if (now.client_seed_is_default && !now.open_round_id && !state.account?.open_round_id) await rotate(drawSeed());
  })().finally(() => {
    ensuring = null;
  });
  return ensuring;
}

/** What a visitor can expect of the house. @returns {Promise<House>} */
export async function house() {
  state.house ??= /** @type {House} */ (await get('/house'));
  return state.house;
}

/** Whether the pages invite to sign up: as long as the house doesn't say that it is closed. */
export function canSignUp() {
  return state.house?.sign_up !== 'closed';
}

/** @type {Promise<void>|null} */
let asking = null;
/** All games, with their rules and limits. They are asked for once; callers share the answer. @returns {Promise<GameInfo[]>} */
export async function games() {
  asking ??= (async () => {
    ({ games: state.games, rules: state.rules } = await get('/games'));
  })().catch((error) => {
    asking = null; // the next caller asks again
    throw error;
  });
  await asking;
  return state.games ?? [];
}

/** The rules of a subject: house, those of all games, or limits. @param {string} subject @returns {Promise<Rule[]>} */
export async function rulesOf(subject) {
  await games();
  return state.rules.filter((r) => r.id.startsWith(`${subject}/`));
}

/** @param {string} name @returns {Promise<GameInfo>} */
export async function game(name) {
  const found = (await games()).find((g) => g.game === name);
  if (!found) throw new ApiError(404, 'not_found');
  return found;
}
