// What a guest plays with: coins of no account, and seeds that this browser drew. All of it lives in memory, is gone
// with the page, and ends when somebody signs in. games/demo.js computes the rounds.
import { emit, on } from './events.js';
import { state } from './store.js';

/** What a guest gets, at the start and on request. */
export const GIVEN = 1000;

/** The most rounds that are remembered. */
const MOST = 50;

/**
 * @typedef {object} Seeds the server seed is the guest's own, so it is no secret
 * @property {string} server_seed
 * @property {string} commitment
 * @property {string} client_seed
 * @property {number} nonce of the next round
 */

/**
 * @type {{coins: number, seeds: Seeds|null, rounds: import('./types.js').Round[]}} coins as shown; rounds: newest first
 */
export const guest = { coins: GIVEN, seeds: null, rounds: [] };

/** What is shown from now on. @param {number} coins @param {Seeds} seeds @param {import('./types.js').Round} [round] */
export function showGuest(coins, seeds, round) {
  guest.coins = coins;
  guest.seeds = seeds;
  if (round) guest.rounds = [round, ...guest.rounds.filter((r) => r.id !== round.id)].slice(0, MOST);
  emit('account');
}

on('account', () => {
  if (state.account) Object.assign(guest, { coins: GIVEN, seeds: null, rounds: [] });
});
