// Bets that survive a lost connection. A bet has one idempotency key for its whole life. It is sent again under that
// key until the casino says what happened to it. sessionStorage keeps it, so that a reloaded tab keeps asking. No bet
// is ever doubled or lost.
import { ApiError, post } from './api.js';
import { emit } from './events.js';
import { tab } from './kept.js';
import { state, load } from './store.js';

/**
 * @typedef {object} Pending
 * @property {string} key
 * @property {string} path
 * @property {any} body
 * @property {string} account
 * @property {number} since Unix milliseconds
 */

const KEEP = 20 * 3600_000; // the casino keeps keys for 24 hours: stop asking well before that

/** The bets whose fate is not known, by their accounts: several may use one browser in turn. @returns {Record<string, Pending>} */
function remembered() {
  const all = Object.entries(tab.get('pending') ?? {});
  return Object.fromEntries(all.filter(([, pending]) => Date.now() - pending.since < KEEP));
}

/** Without storage, a reload can't ask again, and the history shows the round. @param {Pending} pending */
function remember(pending) {
  tab.set('pending', { ...remembered(), [pending.account]: pending });
}

/** @param {Pending} pending */
function forget(pending) {
  const { [pending.account]: kept, ...others } = remembered();
  if (kept?.key === pending.key) tab.set('pending', Object.keys(others).length ? others : null);
}

/** Waits for a time, or until the browser says that it is online again. @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve(undefined);
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener('online', done);
  });
}

/** The bets that are being asked about, by their keys. @type {Map<string, Promise<any>>} */
const asking = new Map();

/**
 * Asks until there is an answer that settles the question. Who asks for the same bet meanwhile gets the same answer.
 * @param {Pending} pending
 * @param {boolean} [uncertain] true once an answer was lost: from then on only a definite answer ends the loop
 * @returns {Promise<any>}
 */
function pursue(pending, uncertain = false) {
  const running = asking.get(pending.key);
  if (running) return running;
  const answer = pursueAlone(pending, uncertain).finally(() => asking.delete(pending.key));
  asking.set(pending.key, answer);
  return answer;
}

/** @param {Pending} pending @param {boolean} uncertain */
async function pursueAlone(pending, uncertain) {
  let tries = 0;
  for (;;) {
    try {
      // A key is its account's: sent by another player, it would be a bet of theirs.
      if (state.account?.id !== pending.account) throw new ApiError(401, 'unauthenticated');
      const answer = await post(pending.path, pending.body, pending.key);
      forget(pending);
      if (uncertain) emit('bet-found', answer);
      return answer;
    } catch (error) {
      if (!(error instanceof ApiError)) {
        forget(pending);
        throw error;
      }
      tries += 1;
      const passing = error.status >= 500 || error.status === 429;
      if (error.code === 'unauthenticated' && uncertain) {
        // Nobody knows what happened until the player is signed in again: the bet stays remembered until then.
        emit('bet-unknown', pending);
        throw new ApiError(401, 'bet_unknown');
      }
      if (error.unknown) uncertain = true;
      else if (!(passing && (uncertain || (error.status >= 500 && tries < 5)))) {
        forget(pending);
        if (uncertain) emit('bet-refused', error);
        throw error;
      }
      if (uncertain) emit('bet-pending', pending);
      const wait = error.retryAfter > 0 ? error.retryAfter * 1000 : Math.min(4000, 400 * 2 ** Math.min(tries, 4));
      await pause(wait);
    }
  }
}

/**
 * Places a bet (or takes an action) exactly once, and returns what really happened.
 * @param {string} path
 * @param {any} body
 */
export function place(path, body) {
  const pending = {
    key: newKey(),
    path,
    body,
    account: state.account?.id ?? '',
    since: Date.now(),
  };
  remember(pending);
  return pursue(pending);
}

/**
 * Finds out what became of a bet that a reload or the end of a session interrupted, and tells the pages. Bets of other
 * accounts wait until those are signed in. While nobody is, the page says that a bet is not known.
 */
export async function resume() {
  const all = remembered();
  if (!state.account) {
    const [pending] = Object.values(all);
    if (pending) emit('bet-unknown', pending);
    return;
  }
  const pending = all[state.account.id];
  if (!pending) return;
  emit('bet-pending', pending);
  try {
    const answer = await pursue(pending, true);
    await load();
    emit('resumed', answer);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // the pages were told
  }
}

/** A key of 128 random bits. Not randomUUID: that needs a secure context, which a test network may lack. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}
