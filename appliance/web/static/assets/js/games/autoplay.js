// Autoplay: rounds that play themselves, until one of the stops that the player chose. Pure: it knows neither the page
// nor the casino nor a clock. There is no autoplay without an end, and none without a limit of what may be lost.

/**
 * @typedef {object} Stops
 * @property {number} rounds at most so many
 * @property {number} loss the rounds together lose at most so many coins
 * @property {number|null} [win] a single round wins at least so many
 * @property {number|null} [below] the balance is so low, or lower
 * @property {number|null} [above] the balance is so high, or higher
 *
 * @typedef {'rounds'|'loss'|'win'|'balance'|'coins'|'refused'|'stopped'|'hidden'|'lost'|'reality'} Reason
 * rounds, loss, win, balance: a stop was met; coins: too few for another round; refused: by the casino; stopped: by the
 * player; hidden: the page was left or hidden; lost: the casino can't be reached; reality: the reality check
 *
 * @typedef {object} Auto
 * @property {Stops} stops
 * @property {number} left how many rounds are left
 * @property {number} net what the rounds won, less what they lost
 * @property {number} coins the balance after the last round
 * @property {Reason|null} ended
 */

/** The most rounds of one autoplay, and those that can be chosen. */
export const ROUNDS = [10, 25, 50, 100];
const MOST = 100;

/** What begins needs a number of rounds and a limit. @param {Stops} stops @param {number} coins @returns {Auto} */
export function begin(stops, coins) {
  const whole = (/** @type {number} */ n) => Number.isSafeInteger(n) && n > 0;
  if (!whole(stops.rounds) || stops.rounds > MOST) throw new RangeError(`autoplay takes 1 to ${MOST} rounds`);
  if (!whole(stops.loss)) throw new RangeError('autoplay needs a limit of what may be lost');
  return { stops, left: stops.rounds, net: 0, coins, ended: null };
}

/**
 * After a round. It ends before a next round of the same stake could lose more than the limit, or than there is. A round
 * that was under way when it was ended still counts.
 * @param {Auto} auto
 * @param {{staked: number, payout: number, coins: number}} round with the balance after it
 * @returns {Auto}
 */
export function after(auto, { staked, payout, coins }) {
  const { stops } = auto;
  const left = auto.left - 1;
  const net = auto.net + payout - staked;
  /** @type {Reason|null} */
  let ended = null;
  if (auto.ended) ({ ended } = auto);
  else if (stops.win && payout - staked >= stops.win) ended = 'win';
  else if (staked - net > stops.loss) ended = 'loss';
  else if (stops.below && coins <= stops.below) ended = 'balance';
  else if (stops.above && coins >= stops.above) ended = 'balance';
  else if (left <= 0) ended = 'rounds';
  else if (coins < staked) ended = 'coins';
  return { stops, left, net, coins, ended };
}

/** Ends it for a reason that lies outside of the rounds. The first reason counts. @param {Auto} auto @param {Reason} why */
export function end(auto, why) {
  return auto.ended ? auto : { ...auto, ended: why };
}

/** Whether a next round is to be played. @param {Auto|null} auto @returns {auto is Auto} */
export function running(auto) {
  return !!auto && !auto.ended;
}
