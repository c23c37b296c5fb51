// Plays the rounds of an autoplay: one after the other, never faster than a round in two and a half seconds, until a
// stop is met or something else asks for the player. Nothing of it is kept: after a reload, nothing plays by itself.
import { on } from '../app/events.js';
import { connection } from '../app/connection.js';
import { begin, after, end, running } from './autoplay.js';

/** @typedef {import('./autoplay.js').Auto} Auto */
/** @typedef {import('./autoplay.js').Reason} Reason */
/** @typedef {{coins: number, round: {staked: number, payout: number}}} Answer */

/** From the start of a round to the start of the next one, at least, in milliseconds. */
const PACE = 2500;
/** From the outcome to the next round, at least: it is to be seen, and other things get their turn. */
const REST = 1000;

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds));

export class Autoplaying {
  /** The autoplay that runs, or the last one. @type {Auto|null} */
  auto = null;
  #round;
  #changed;
  #runs = 0;
  #offs;

  /**
   * @param {() => Promise<Answer|null|undefined>} round plays one as if the player had pressed the button; resolves when
   * it has been shown, to nothing where it was refused
   * @param {() => void} changed draws the page
   */
  constructor(round, changed) {
    this.#round = round;
    this.#changed = changed;
    const hidden = () => document.hidden && this.stop('hidden');
    document.addEventListener('visibilitychange', hidden);
    this.#offs = [
      on('reality-check', () => this.stop('reality')),
      on('lost', () => this.stop('lost')),
      on('bet-pending', () => this.stop('lost')),
      on('session-ended', () => this.stop('refused')),
      () => document.removeEventListener('visibilitychange', hidden),
    ];
  }

  get running() {
    return running(this.auto);
  }

  /** @param {import('./autoplay.js').Stops} stops @param {number} coins the balance now */
  start(stops, coins) {
    if (this.running) return;
    this.auto = begin(stops, coins);
    this.#runs += 1;
    if (connection.lost) this.stop('lost');
    else void this.#run(this.#runs);
  }

  /** @param {Reason} why */
  stop(why) {
    if (!running(this.auto)) return;
    this.auto = end(this.auto, why);
    this.#changed();
  }

  /** The player does something else: how the last one ended need no longer be said. */
  forget() {
    if (!this.running) this.auto = null;
  }

  /** The player leaves the page. */
  leave() {
    this.stop('hidden');
    for (const off of this.#offs) off();
  }

  /** @param {number} run an autoplay that began while this one was resting is not this one's to play */
  async #run(run) {
    this.#changed();
    while (run === this.#runs && running(this.auto)) {
      const began = performance.now();
      const answer = await this.#round();
      if (run !== this.#runs || !this.auto) return;
      if (answer) this.auto = after(this.auto, { ...answer.round, coins: answer.coins });
      else this.stop('refused');
      this.#changed();
      if (this.running) await wait(Math.max(REST, began + PACE - performance.now()));
    }
  }
}
