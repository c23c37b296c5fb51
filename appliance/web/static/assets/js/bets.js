// Bets that survive a lost connection. A bet has one idempotency key for its whole life. It is sent again under that key
// until the casino says what happened to it. sessionStorage keeps it, so that a reloaded tab keeps asking. No bet is ever
// doubled or lost.
import { ApiError, post, signals } from './api.js';
import { state } from './store.js';

/**
 * @typedef {object} Pending
 * @property {string} key
 * @property {string} path
 * @property {any} body
 * @property {string} account
 * @property {number} since Unix milliseconds
 */

const PLACE = 'imperio.pending';
const KEEP = 20 * 3600_000; // the casino keeps keys for 24 hours: stop asking well before that

/** @returns {Pending|null} */
function remembered() {
  try {
    const pending = JSON.parse(sessionStorage.getItem(PLACE) ?? 'null');
    return pending && Date.now() - pending.since < KEEP ? pending : null;
  } catch { return null; }
}

/** @param {Pending|null} pending */
function remember(pending) {
  try {
    if (pending) sessionStorage.setItem(PLACE, JSON.stringify(pending));
    else sessionStorage.removeItem(PLACE);
  } catch { /* then a reload can't ask again, and the history shows the round */ }
}

/** Waits for a time, or until the browser says that it is online again. @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => { clearTimeout(timer); removeEventListener('online', done); resolve(undefined); };
    const timer = setTimeout(done, milliseconds);
    addEventListener('online', done);
  });
}

/**
 * Asks until there is an answer that settles the question.
 * @param {Pending} pending
 * @returns {Promise<any>}
 */
async function pursue(pending) {
  let uncertain = false; // true once an answer was lost: from then on only a definite answer ends the loop
  let tries = 0;
  for (;;) {
    try {
      const answer = await post(pending.path, pending.body, pending.key);
      remember(null);
      if (uncertain) signals.dispatchEvent(new CustomEvent('bet-found', { detail: { answer } }));
      return answer;
    } catch (error) {
      if (!(error instanceof ApiError)) { remember(null); throw error; }
      tries += 1;
      const passing = error.status >= 500 || error.status === 429;
      if (error.unknown) uncertain = true;
      else if (!(passing && (uncertain || (error.status >= 500 && tries < 5)))) {
        remember(null);
        if (uncertain) signals.dispatchEvent(new CustomEvent('bet-refused', { detail: { error } }));
        throw error;
      }
      if (uncertain) signals.dispatchEvent(new CustomEvent('bet-pending', { detail: { pending } }));
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
  const pending = { key: newKey(), path, body, account: state.account?.id ?? '', since: Date.now() };
  remember(pending);
  return pursue(pending);
}

/** Resumes a bet that a reload interrupted; null if there is none. */
export async function resume() {
  const pending = remembered();
  if (!pending) return null;
  if (pending.account !== state.account?.id) { remember(null); return null; }
  signals.dispatchEvent(new CustomEvent('bet-pending', { detail: { pending } }));
  try {
    const answer = await pursue(pending);
    signals.dispatchEvent(new CustomEvent('bet-found', { detail: { answer } }));
    return answer;
  } catch (error) {
    if (error instanceof ApiError) { signals.dispatchEvent(new CustomEvent('bet-refused', { detail: { error } })); return null; }
    throw error;
  }
}

/** A key of 128 random bits. Not randomUUID: that needs a secure context, which a test network may lack. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}
