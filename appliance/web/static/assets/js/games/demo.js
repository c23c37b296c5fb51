// The games for guests, without the casino: the same paths, answers and refusals as the API's, computed in this browser
// from seeds that it drew. The rules and the draws are those of fair/core.js, which also verifies the casino's rounds.
import { ApiError } from '../app/api.js';
import { GIVEN } from '../app/guest.js';
import { commitmentOf, gameOf, hexOf, prove, Wrong } from '../fair/core.js';

/**
 * @typedef {import('../app/types.js').Round} Round
 * @typedef {import('../app/types.js').Bet} Bet
 * @typedef {import('../app/types.js').GameInfo} GameInfo
 */

/** The most bets of a spin. */
const MOST_BETS = 100;

/** The actions that there are. */
const ACTIONS = ['hit', 'stand', 'double', 'split', 'surrender', 'insurance', 'decline_insurance'];

/** Where a round of a game is opened. @type {Record<string, string>} */
const OPENS = {
  '/games/slots/spins': 'slots',
  '/games/roulette/spins': 'roulette',
  '/games/blackjack/rounds': 'blackjack',
};

/** @param {number} bytes */
function draw(bytes) {
  return hexOf(crypto.getRandomValues(new Uint8Array(bytes)));
}

/** One guest's games: coins, seeds, and the open round. */
export class Demo {
  coins = GIVEN;
  /** What open rounds hold. */
  held = 0;
  /** The rounds by their ids, as they stand. @type {Map<string, Round>} */
  rounds = new Map();
  /** What was last answered about the open round of blackjack. @type {any} */
  open = null;
  /** One request at a time, in the order in which they came. @type {Promise<any>} */
  #turn = Promise.resolve();

  /**
   * @param {GameInfo[]} tables with their limits, as the casino has them
   * @param {string} [serverSeed] 64 hex digits @param {string} [clientSeed]
   */
  static async begin(tables, serverSeed = draw(32), clientSeed = draw(16)) {
    if (!globalThis.crypto?.subtle) throw new ApiError(0, 'demo_insecure');
    return new Demo(tables, {
      server_seed: serverSeed,
      commitment: await commitmentOf(serverSeed),
      client_seed: clientSeed,
      nonce: 0,
    });
  }

  /** @param {GameInfo[]} tables @param {import('../app/guest.js').Seeds} seeds */
  constructor(tables, seeds) {
    this.tables = new Map(tables.map((info) => [info.game, info]));
    this.seeds = seeds;
  }

  /** Gives the guest more coins. */
  give() {
    this.coins += GIVEN;
  }

  /**
   * What POST of the API answers, or its refusal.
   * @param {string} path @param {any} body
   * @returns {Promise<any>}
   */
  ask(path, body) {
    const answer = this.#turn.then(() => this.#carryOut(path, body));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  /** @param {string} path @param {any} body */
  async #carryOut(path, body) {
    if (OPENS[path]) return this.#begin(OPENS[path], body);
    const at = /^\/games\/blackjack\/rounds\/([^/]+)\/actions$/.exec(path);
    if (!at) throw new ApiError(404, 'not_found');
    return this.#act(at[1], body);
  }

  /** @param {string} game @param {{stake?: number, bets?: Bet[]}} body */
  async #begin(game, { stake = 0, bets = [] }) {
    const info = /** @type {GameInfo} */ (this.tables.get(game));
    if (!info.enabled) throw new ApiError(409, 'game_disabled');
    if (gameOf(info.rules).bets) stake = checkBets(info, bets);
    else if (!Number.isSafeInteger(stake) || stake < Math.max(info.min_stake, 1) || stake > info.max_stake)
      throw new ApiError(422, 'stake_out_of_range');
    if (game === 'blackjack' && this.open) throw new ApiError(409, 'round_open');
    if (stake > this.coins) throw new ApiError(409, 'insufficient_coins');
    /** @type {Round} */
    const round = {
      id: String(this.rounds.size + 1),
      game,
      demo: true,
      rules: info.rules,
      opened_at: new Date().toISOString(),
      settled_at: null,
      settled: false,
      stake,
      staked: 0,
      payout: 0,
      ...(gameOf(info.rules).bets && { bets }),
      ...(gameOf(info.rules).actions && { actions: [] }),
      nonce: this.seeds.nonce,
      pair: 0,
      commitment: this.seeds.commitment,
      client_seed: this.seeds.client_seed,
      server_seed: this.seeds.server_seed,
      outcome: null,
    };
    const played = await compute(round);
    this.seeds = { ...this.seeds, nonce: this.seeds.nonce + 1 };
    return this.#book(round, played);
  }

  /** @param {string} id @param {{action?: string, taken?: number}} body */
  async #act(id, { action = '', taken }) {
    const round = this.rounds.get(id);
    if (!round || round.game !== 'blackjack') throw new ApiError(404, 'round_not_found');
    if (!ACTIONS.includes(action)) throw new ApiError(422, 'unknown_action');
    const before = round.actions ?? [];
    if (taken !== undefined && taken !== before.length) throw new ApiError(409, 'round_moved');
    if (round.settled) throw new ApiError(409, 'round_settled');
    if (!round.outcome.allowed_actions.includes(action)) throw new ApiError(409, 'action_not_allowed');
    const next = { ...round, actions: [...before, action] };
    const played = await compute(next);
    if (played.staked - round.staked > this.coins) throw new ApiError(409, 'insufficient_coins');
    return this.#book(next, played);
  }

  /**
   * Moves the coins, and answers as the API does.
   * @param {Round} before @param {import('../fair/core.js').Played} played
   */
  #book(before, { staked, payout, settled, outcome }) {
    const raised = staked - before.staked;
    this.coins -= raised;
    this.held += raised;
    if (settled) {
      this.held -= staked;
      this.coins += payout;
    }
    /** @type {Round} */
    const round = {
      ...before,
      staked,
      payout,
      settled,
      outcome,
      settled_at: settled ? new Date().toISOString() : null,
    };
    this.rounds.set(round.id, round);
    const answer = { round, ...outcome, settled, payout, coins: this.coins, held_coins: this.held };
    if (round.game === 'blackjack') this.open = settled ? null : answer;
    return answer;
  }
}

/** @param {Round} round @returns {Promise<import('../fair/core.js').Played>} */
async function compute(round) {
  try {
    return await prove({
      rules: round.rules,
      serverSeed: round.server_seed ?? '',
      commitment: round.commitment,
      clientSeed: round.client_seed,
      nonce: round.nonce,
      stake: round.stake,
      bets: round.bets ?? [],
      actions: round.actions ?? [],
    });
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    throw new ApiError(422, error.message.startsWith('bet') ? 'invalid_bet' : 'stake_out_of_range');
  }
}

/**
 * Holds bets against the table's limits, as the casino does: each bet, all on one position, and all together.
 * @param {GameInfo} info @param {Bet[]} bets
 * @returns {number} what they cost
 */
function checkBets(info, bets) {
  if (bets.length < 1 || bets.length > MOST_BETS) throw new ApiError(422, 'invalid_bet');
  const highest = info.max_bet ?? info.max_stake;
  /** @type {Map<string, number>} */
  const on = new Map();
  let total = 0;
  for (const { type, numbers = [], selection = 0, amount } of bets) {
    const position = [type, selection, ...[...numbers].sort((a, b) => a - b)].join();
    const there = (on.get(position) ?? 0) + amount;
    total += amount;
    const fits = Number.isSafeInteger(amount) && amount >= Math.max(info.min_stake, 1);
    if (!fits || there > highest || total > info.max_stake) throw new ApiError(422, 'stake_out_of_range');
    on.set(position, there);
  }
  return total;
}
