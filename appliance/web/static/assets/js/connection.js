// Whether the casino can be reached. A request or a live line that failed is only a doubt: the casino is asked for its
// pulse, and the connection is lost when that fails too. From then on it is asked again and again, until it answers.
import { signals } from './api.js';

const PATIENCE = 3000; // an answer that takes longer is none

export const connection = { lost: false };
let asking = false;
let tries = 0;
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
  if (asking) return;
  asking = true;
  const there = navigator.onLine && await pulse();
  asking = false;
  if (there) found(); else lose();
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
