// Whether the casino can be reached. A failed request or live line is only a doubt: the page then asks for the casino's
// pulse, and the connection counts as lost when that fails, too. From then on it asks until the casino answers.
import { emit, on } from './events.js';

const PATIENCE = 3000; // a slower answer counts as none

export const connection = { lost: false };
let asking = false;
let tries = 0;
let doubts = 0; // the number of doubts so far
let answers = 0; // the number of answers so far
/** @type {ReturnType<typeof setTimeout>|undefined} */
let again;

/** Asks for the casino's pulse. The casino neither counts nor logs these requests. */
async function pulse() {
  try {
    return (
      await fetch('/health/live', {
        cache: 'no-store',
        signal: AbortSignal.timeout(PATIENCE),
      })
    ).ok;
  } catch {
    return false;
  }
}

/** Finds out whether the casino can be reached now. */
export async function check() {
  clearTimeout(again);
  doubts += 1;
  if (asking) return;
  asking = true;
  let there, heard, of;
  do {
    // a doubt that arises while the casino is being asked may be newer than its answer
    of = doubts;
    heard = answers;
    there = await pulse();
  } while (of !== doubts);
  asking = false;
  if (there || answers !== heard) found();
  else lose(); // an answer that arrived meanwhile outweighs an older question
}

function lose() {
  tries += 1;
  again = setTimeout(
    () => {
      void check();
    },
    Math.min(20_000, 500 * 2 ** tries),
  );
  if (connection.lost) return;
  connection.lost = true;
  emit('lost');
}

function found() {
  clearTimeout(again);
  // The browser says it is offline: the answer may have been sent before that, or the casino is on this machine.
  if (!navigator.onLine)
    again = setTimeout(() => {
      void check();
    }, 2000);
  answers += 1;
  tries = 0;
  if (!connection.lost) return;
  connection.lost = false;
  emit('found');
}

/** Subscribes to requests that fail and succeed. Call it once. */
export function startConnection() {
  on('unanswered', () => {
    if (!connection.lost) void check();
  });
  on('answered', found);
  addEventListener('offline', () => {
    void check();
  });
  addEventListener('online', () => {
    tries = 0;
    void check();
  });
}
