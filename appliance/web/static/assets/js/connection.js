// Whether the casino can be reached. A request or a live line that failed is only a doubt: the casino is asked for its
// pulse, and the connection is lost when that fails too. From then on it is asked again and again, until it answers.
import { signals } from './api.js';

const PATIENCE = 3000; // an answer that takes longer is none

export const connection = { lost: false };
let asking = false;
let tries = 0;
let doubts = 0; // so far
let answers = 0; // heard so far
/** @type {ReturnType<typeof setTimeout>|undefined} */
let again;

/** Asks for a pulse: neither counted nor logged by the casino. */
async function pulse() {
  try {
    return (await fetch('/health/live', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) })).ok;
  } catch { return false; }
}

/** Finds out whether the casino can be reached now. */
export async function check() {
  clearTimeout(again);
  doubts += 1;
  if (asking) return;
  asking = true;
  let there, heard, of;
  do { // a doubt that comes while the casino is being asked may be newer than its answer
    of = doubts;
    heard = answers;
    there = await pulse();
  } while (of !== doubts);
  asking = false;
  if (there || answers !== heard) found(); else lose(); // what was answered meanwhile counts more than an older question
}

function lose() {
  tries += 1;
  again = setTimeout(() => { void check(); }, Math.min(20_000, 500 * 2 ** tries));
  if (connection.lost) return;
  connection.lost = true;
  signals.dispatchEvent(new Event('lost'));
}

function found() {
  clearTimeout(again);
  // The browser says that it has no network: what was answered may have been under way. Or the casino is on this machine.
  if (!navigator.onLine) again = setTimeout(() => { void check(); }, 2000);
  answers += 1;
  tries = 0;
  if (!connection.lost) return;
  connection.lost = false;
  signals.dispatchEvent(new Event('found'));
}

/** Listens to what fails and what succeeds; once. */
export function startConnection() {
  signals.addEventListener('unanswered', () => { if (!connection.lost) void check(); });
  signals.addEventListener('answered', found);
  addEventListener('offline', () => { void check(); });
  addEventListener('online', () => { tries = 0; void check(); });
}
