// One drum of the slot machine: sixteen stops around an axle, two for each symbol of its strip (GAMES.md: stops 15 to 30).
import { h, asset, reducedMotion } from '../dom.js';

export const STRIPS = [
  ['cherry', 'lemon', 'lemon', 'banana', 'banana', 'lemon', 'apple', 'lemon'],
  ['lemon', 'lemon', 'banana', 'apple', 'cherry', 'lemon', 'lemon', 'apple'],
  ['lemon', 'lemon', 'banana', 'lemon', 'cherry', 'apple', 'lemon', 'apple'],
];
const STOPS = 16;
const STEP = 360 / STOPS;
const SPEED = 620; // degrees a second at full spin
const LAND = 1100; // milliseconds from the first braking to rest

/** @param {number} reel @param {number} stop 15 … 30 */
export function symbolAt(reel, stop) { return STRIPS[reel][Math.ceil(stop / 2) - 8]; }

/** Where a drum that brakes from full speed is at share p of its way: one small overshoot, then rest. @param {number} p */
function braking(p) {
  const slow = 1 - (1 - p) ** 3;
  return slow + 0.055 * Math.sin(Math.PI * Math.min(1, Math.max(0, (p - 0.55) / 0.45))) * Math.sin(Math.PI * 0.5 * p);
}

/**
 * The place of a facet, turned to an angle about the axle. Each facet is turned by itself: in one space in common
 * (preserve-3d) Chromium sorts and cuts the facets, and loses a strip of the one above the pay line at the first stop.
 * They need no sorting, since those that look away are not drawn and the others do not cover one another.
 * @param {string} turned
 */
const place = (turned) => `translateZ(calc(var(--face) * -2.5)) rotateX(${turned}) translateZ(calc(var(--face) * 2.5137))`;

export class Drum {
  /** @param {number} reel @param {number} stop where it stands at first */
  constructor(reel, stop) {
    this.reel = reel;
    this.angle = this.angleOf(stop);
    this.facets = Array.from({ length: STOPS }, (_, i) =>
      h('div', { class: 'facet', 'data-stop': 15 + i }, h('img', { src: asset(`img/${symbolAt(reel, 15 + i)}.svg`), alt: '', width: 76, height: 76, draggable: 'false' })));
    this.element = h('div', { class: 'drum' }, this.facets);
    this.rest();
    /** @type {Animation[]} one for each facet while the drum turns, else none */
    this.animations = [];
    this.started = 0;
  }

  /** Puts the facets where the angle says. */
  rest() { this.facets.forEach((facet, i) => { facet.style.transform = place(`${this.angle - i * STEP}deg`); }); }

  /** Ends what moves the drum. */
  halt() {
    for (const animation of this.animations) { animation.onfinish = null; animation.cancel(); }
    this.animations = [];
  }

  /** Turns the drum through some angles, in place of what moved it before. @param {number[]} angles @param {KeyframeAnimationOptions} timing */
  turn(angles, timing) {
    this.halt();
    this.animations = this.facets.map((facet, i) => facet.animate(angles.map((angle) => ({ transform: place(`${angle - i * STEP}deg`) })), timing));
    return this.animations[STOPS - 1];
  }

  /** The angle that brings a stop to the pay line. @param {number} stop */
  angleOf(stop) { return (stop - 15) * STEP; }

  /** Sets the drum spinning; it gathers speed with weight. */
  spin() {
    for (const facet of this.facets) facet.classList.remove('shown');
    this.element.classList.remove('hit');
    if (reducedMotion()) return;
    const gather = 420;
    const lead = (SPEED * gather) / 2000;
    const from = this.angle;
    this.started = performance.now();
    this.base = from;
    this.lead = lead;
    this.gather = gather;
    // Gathering (speed grows evenly), then turning at full speed for as long as the answer takes.
    const gathering = this.turn(Array.from({ length: 9 }, (_, i) => from - lead * (i / 8) ** 2), { duration: gather, fill: 'forwards' });
    gathering.onfinish = () => { this.turn([from - lead, from - lead - 360], { duration: 360_000 / SPEED, iterations: Infinity }); };
  }

  /** Where the drum is now, in degrees. */
  now() {
    const passed = performance.now() - this.started;
    const { base = this.angle, lead = 0, gather = 1 } = this;
    if (passed < gather) return base - lead * (passed / gather) ** 2;
    return base - lead - (SPEED * (passed - gather)) / 1000;
  }

  /** Brakes to a stop. Resolves when the drum rests. @param {number} stop */
  async land(stop) {
    const target = this.angleOf(stop);
    if (!reducedMotion() && this.animations.length) {
      const from = this.now();
      // The braking starts at the drum's own speed: a cubic that covers `way` in LAND starts with 3·way/LAND.
      const natural = (SPEED * LAND) / 3000;
      const turns = Math.ceil((natural - (from - target)) / 360);
      let to = target - turns * 360;
      while (from - to < natural * 0.7) to -= 360;
      const way = from - to;
      const duration = Math.min(1600, (3000 * way) / SPEED);
      const braked = this.turn(Array.from({ length: 33 }, (_, i) => from - way * braking(i / 32)), { duration, fill: 'forwards' });
      await braked.finished.catch(() => {});
    }
    this.halt();
    this.angle = target;
    this.rest();
    this.facets[stop - 15].classList.add('shown');
  }
}
