// What happens, and who hears of it. One list of all events with what they carry, so that the type checker finds a
// misspelt name on either side.

/**
 * @typedef {object} Events
 * @property {void} answered a request was answered, if only with a refusal
 * @property {void} unanswered a request was not answered, or the live line broke: a doubt (see connection.js)
 * @property {void} lost the casino can't be reached
 * @property {void} found the casino can be reached again
 * @property {void} refused-session an answer said that nobody is signed in
 * @property {void} session-ended the player was signed out, but not on this page
 * @property {void} account the account, its balance or the net result of the sitting has changed
 * @property {import('./types.js').Round} round a round was played, here or elsewhere
 * @property {void} missed the live line was down for a while, so rounds played elsewhere may be unknown
 * @property {import('./bets.js').Pending} bet-pending the answer to a bet got lost: the page keeps asking
 * @property {any} bet-found the bet was taken; with its answer
 * @property {import('./api.js').ApiError} bet-refused the bet was not taken
 * @property {import('./bets.js').Pending} bet-unknown the session ended before the casino could say what became of the bet
 * @property {any} resumed the answer to a bet that a reload or the end of a session had interrupted
 * @property {void} showing an outcome begins to be played out
 * @property {import('./types.js').Achievement[]} achieved the player has reached something
 * @property {void} profile what others see of the player has changed
 * @property {void} reality-check the dialog of the reality check has opened
 */

/** @type {Map<string, Set<(detail: any) => void>>} */
const listeners = new Map();

/**
 * Calls a function at each event of a name. Returns a function that ends this.
 * @template {keyof Events} N
 * @param {N} name
 * @param {(detail: Events[N]) => void} listener
 */
export function on(name, listener) {
  let all = listeners.get(name);
  if (!all) listeners.set(name, (all = new Set()));
  const own = (/** @type {Events[N]} */ detail) => listener(detail); // one function may listen twice
  all.add(own);
  return () => void all.delete(own);
}

/**
 * Calls a function at the next event of a name. Returns a function that ends this.
 * @template {keyof Events} N
 * @param {N} name
 * @param {(detail: Events[N]) => void} listener
 */
export function once(name, listener) {
  const off = on(name, (detail) => {
    off();
    listener(detail);
  });
  return off;
}

/**
 * Tells all who listen, in the order in which they began.
 * @template {keyof Events} N
 * @param {N} name
 * @param {Events[N] extends void ? [] : [Events[N]]} detail
 */
export function emit(name, ...detail) {
  for (const listener of [...(listeners.get(name) ?? [])]) listener(detail[0]);
}
