// The wheel and the ball. The pocket is known before they move: the ball runs, falls, and rests in the pocket that the
// server drew.
import { h, s, reducedMotion } from '../../app/dom.js';
import { wheelPicture } from './wheel-picture.js';
import { WHEEL } from './bets.js';
import { sound } from '../../app/sound.js';

const STEP = 360 / 37;
const LENGTH = 5600; // milliseconds
const FALL = 0.8; // the share of LENGTH after which the ball lies in its pocket
const FRAMES = 112;
const TRACK = 45.3; // the ball's outer and inner radius, in hundredths of the bowl
const REST = 26.6;

/** @param {number} p 0 … 1 */
const easeOut = (p) => 1 - (1 - p) ** 2.4;

/** The eight diamonds on the bowl that the ball passes. */
function deflectors() {
  return s(
    'svg',
    { class: 'deflectors', viewBox: '0 0 200 200', 'aria-hidden': 'true' },
    Array.from({ length: 8 }, (_, i) =>
      s('path', {
        d: i % 2 ? 'M100 10L102 14L100 18L98 14Z' : 'M93.5 14L100 12.4L106.5 14L100 15.6Z',
        transform: `rotate(${i * 45 + 22.5} 100 100)`,
      }),
    ),
  );
}

export class Wheel {
  constructor() {
    this.angle = 0;
    /** @type {Animation[]} */
    this.running = [];
    this.disc = h('div', { class: 'disc' }, wheelPicture());
    this.throw = h('div', { class: 'throw' }, h('div', { class: 'ball' }));
    this.orbit = h('div', { class: 'orbit' }, this.throw);
    this.element = h(
      'div',
      { class: 'bowl', 'aria-hidden': 'true' },
      deflectors(),
      this.disc,
      h('div', { class: 'depth' }),
      this.orbit,
    );
    this.#rest(0);
    this.element.addEventListener('click', () => this.skip());
  }

  /** The wheel and the ball at rest. @param {number} pocket */
  #rest(pocket) {
    this.disc.style.transform = `rotate(${this.angle}deg)`;
    this.orbit.style.transform = `rotate(${this.angle + WHEEL.indexOf(pocket) * STEP}deg)`;
    this.throw.style.transform = `translateY(-${REST}%)`;
  }

  /** Shows a pocket at once. @param {number} pocket */
  show(pocket) {
    this.skip();
    this.#rest(pocket);
  }

  /** Skips the animation to its result. */
  skip() {
    for (const animation of this.running) animation.finish();
  }

  /** Runs until the ball rests in the pocket. @param {number} pocket */
  async run(pocket) {
    const offset = WHEEL.indexOf(pocket) * STEP;
    const from = this.angle % 360;
    const turn = -430; // the wheel goes against the ball
    /** @param {number} p */
    const wheelAt = (p) => from + turn * (1 - (1 - p) ** 1.6);
    const caught = wheelAt(FALL) + offset;
    const start = caught - 6 * 360;
    /** @type {Keyframe[]} */ const disc = [];
    /** @type {Keyframe[]} */ const orbit = [];
    /** @type {Keyframe[]} */ const thrown = [];
    for (let i = 0; i <= FRAMES; i += 1) {
      const p = i / FRAMES;
      const b = Math.min(1, p / FALL);
      const ball = p < FALL ? start + (caught - start) * easeOut(b) : wheelAt(p) + offset;
      // It stays on the track for two thirds of its way, then falls, and hops twice over the frets.
      const f = Math.max(0, (b - 0.62) / 0.38);
      const hop = f > 0.45 ? Math.abs(Math.sin((f - 0.45) * Math.PI * 3.64)) * 4.6 * (1 - f) : 0;
      const radius = TRACK - (TRACK - REST) * Math.min(1, (f / 0.72) ** 1.8) + hop;
      disc.push({ transform: `rotate(${wheelAt(p)}deg)` });
      orbit.push({ transform: `rotate(${ball}deg)` });
      thrown.push({ transform: `translateY(-${radius}%)` });
    }
    this.angle = wheelAt(1);
    if (!reducedMotion()) {
      const timing = { duration: LENGTH };
      this.running = [
        this.disc.animate(disc, timing),
        this.orbit.animate(orbit, timing),
        this.throw.animate(thrown, timing),
      ];
      const cue = setTimeout(() => sound.play('ball'), LENGTH * FALL * 0.85);
      this.#rest(pocket);
      await Promise.all(this.running.map((a) => a.finished));
      clearTimeout(cue);
      this.running = [];
    }
    this.#rest(pocket);
  }
}
