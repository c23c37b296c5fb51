// One drum of the slot machine: sixteen stops around an axle, two for each symbol of its strip (GAMES.md: stops 15 to
// 30).
import { h, asset, reducedMotion } from '../../app/dom.js';

export const STRIPS = [
  ['cherry', 'lemon', 'lemon', 'banana', 'banana', 'lemon', 'apple', 'lemon'],
  ['lemon', 'lemon', 'banana', 'apple', 'cherry', 'lemon', 'lemon', 'apple'],
  ['lemon', 'lemon', 'banana', 'lemon', 'cherry', 'apple', 'lemon', 'apple'],
];
const STOPS = 16;
const STEP = 360 / STOPS;
/**
 * Degrees per millisecond at full spin. Each drum has its own speed and starts a little after the one before it; in
 * step they would look like one picture.
 */
const SPEEDS = [0.7, 0.76, 0.73];
const LATER = 70; // milliseconds
const GATHER = 420; // milliseconds from rest to full spin
const BRAKE = 650; // milliseconds of the shortest braking
/**
 * How long a drum needs to come to rest on any stop, in milliseconds: the longest braking covers one turn more than
 * the shortest.
 */
export const LANDING = BRAKE + (1.5 * 360) / Math.min(...SPEEDS);

/** @param {number} reel @param {number} stop 15 … 30 */
export function symbolAt(reel, stop) {
  return STRIPS[reel][Math.ceil(stop / 2) - 8];
}

/**
 * The position of a drum that brakes from full speed, at share p of its way: one small overshoot, then rest.
 * @param {number} p
 */
function braking(p) {
  const slow = 1 - (1 - p) ** 3;
  return slow + 0.055 * Math.sin(Math.PI * Math.min(1, Math.max(0, (p - 0.55) / 0.45))) * Math.sin(Math.PI * 0.5 * p);
}

/**
 * The transform of a facet at an angle about the axle. Each facet is turned by itself: in a shared 3D space (preserve-3d)
 * Chromium sorts and splits the facets, and loses a strip of the one above the pay line at the first stop. They need no
 * sorting: facets that face away are not drawn, and the others don't overlap.
 * @param {string} turned
 */
const place = (turned) =>
  `translateZ(calc(var(--face) * -2.5)) rotateX(${turned}) translateZ(calc(var(--face) * 2.5137))`;

export class Drum {
  /** @param {number} reel @param {number} stop its initial stop */
  constructor(reel, stop) {
    this.reel = reel;
    this.speed = SPEEDS[reel];
    this.lead = (this.speed * GATHER) / 2; // degrees until full spin
    this.angle = this.angleOf(stop);
    this.facets = Array.from({ length: STOPS }, (_, i) =>
      h(
        'div',
        { class: 'facet', 'data-stop': 15 + i },
        h('img', {
          src: asset(`img/${symbolAt(reel, 15 + i)}.svg`),
          alt: '',
          width: 76,
          height: 76,
          draggable: 'false',
        }),
      ),
    );
    // A strip at full speed as the eye sees it: the symbols smeared into one long run.
    this.strip = h(
      'div',
      { class: 'run' },
      h(
        'div',
        { class: 'blurred' },
        [...STRIPS[reel], ...STRIPS[reel].slice(0, 3)].map((symbol) =>
          h('img', {
            src: asset(`img/${symbol}.svg`),
            alt: '',
            width: 76,
            height: 76,
            draggable: 'false',
          }),
        ),
      ),
    );
    this.blur = h('div', { class: 'blur' }, this.strip);
    this.element = h('div', { class: 'drum' }, this.facets, this.blur);
    this.rest();
    /** @type {Animation[]} one for each facet while the drum turns, else none */
    this.animations = [];
    /** The blurred strip's, while the drum turns. @type {{run: Animation, fade: Animation}|null} */
    this.blurring = null;
    this.started = 0;
  }

  /** Places the facets by the drum's angle. */
  rest() {
    this.facets.forEach((facet, i) => {
      facet.style.transform = place(`${this.angle - i * STEP}deg`);
    });
  }

  /** Cancels the drum's animations. */
  halt() {
    for (const animation of this.animations) {
      animation.onfinish = null;
      animation.cancel();
    }
    this.animations = [];
  }

  /**
   * Shows the blurred strip in place of the sharp one while the drum is fast.
   * @param {{opacity: number, offset?: number}[]} fading @param {KeyframeAnimationOptions} timing
   */
  fade(fading, timing) {
    const fade = this.blur.animate(fading, { ...timing, fill: 'forwards' });
    this.blurring?.fade.cancel();
    const run =
      this.blurring?.run ??
      this.strip.animate(
        [{ transform: 'translateY(-72.727%)' }, { transform: 'none' }], // 8 of its 11 symbols
        {
          duration: (1.6 * 360) / this.speed,
          iterations: Infinity,
          iterationStart: this.reel * 0.37,
        },
      );
    this.blurring = { run, fade };
  }

  /** Removes the blurred strip. */
  sharpen() {
    this.blurring?.run.cancel();
    this.blurring?.fade.cancel();
    this.blurring = null;
  }

  /**
   * Animates the drum through some angles; replaces the animation before.
   * @param {{angle: number, offset?: number}[]} way
   * @param {KeyframeAnimationOptions} timing
   */
  turn(way, timing) {
    this.halt();
    this.animations = this.facets.map((facet, i) =>
      facet.animate(
        way.map(({ angle, offset }) => ({
          transform: place(`${angle - i * STEP}deg`),
          offset,
        })),
        timing,
      ),
    );
    return this.animations[STOPS - 1];
  }

  /** The angle that brings a stop to the pay line. @param {number} stop */
  angleOf(stop) {
    return (stop - 15) * STEP;
  }

  /** Starts the drum; it gathers speed as a heavy thing would. */
  spin() {
    for (const facet of this.facets) facet.classList.remove('shown');
    this.element.classList.remove('hit');
    if (reducedMotion()) return;
    const from = this.angle;
    const delay = this.reel * LATER;
    this.started = performance.now() + delay;
    // First it gathers speed evenly, then it turns at full speed until the answer arrives.
    const gathering = this.turn(
      Array.from({ length: 9 }, (_, i) => ({
        angle: from - this.lead * (i / 8) ** 2,
      })),
      { duration: GATHER, delay, fill: 'forwards' },
    );
    this.fade([{ opacity: 0 }, { opacity: 0, offset: 0.45 }, { opacity: 1 }], {
      duration: GATHER,
      delay,
    });
    gathering.onfinish = () => {
      this.turn([{ angle: from - this.lead }, { angle: from - this.lead - 360 }], {
        duration: 360 / this.speed,
        iterations: Infinity,
      });
    };
  }

  /** Where the spinning drum is now, in degrees. */
  now() {
    const passed = Math.max(0, performance.now() - this.started);
    if (passed < GATHER) return this.angle - this.lead * (passed / GATHER) ** 2;
    return this.angle - this.lead - this.speed * (passed - GATHER);
  }

  /**
   * Brings the spinning drum to rest on a stop, at a moment that the caller chooses, so that reels stop in their order
   * whatever their stops are: it turns on at full speed, then brakes from that speed, for as long as fits.
   * Resolves when it rests, or when another spin has taken it over.
   * @param {number} stop
   * @param {number} [at] by performance.now(); no sooner than LANDING from now
   */
  async land(stop, at = 0) {
    const target = this.angleOf(stop);
    if (!reducedMotion() && this.animations.length) {
      const from = this.now();
      const { speed } = this;
      const time = Math.max(LANDING, at - performance.now());
      // Braking for d covers speed·d/3 (a cubic that starts at full speed), so the whole way is speed·(time − 2d/3).
      // Of the ways that end on the stop, one has a d from BRAKE to LANDING.
      const longest = speed * (time - (2 * BRAKE) / 3);
      const way = longest - ((((longest - (from - target)) % 360) + 360) % 360);
      const brake = 1.5 * (time - way / speed);
      const cruise = time - brake;
      const braked = this.turn(
        [
          { angle: from, offset: 0 },
          ...Array.from({ length: 33 }, (_, i) => ({
            angle: from - speed * (cruise + (brake / 3) * braking(i / 32)),
            offset: (cruise + (brake * i) / 32) / time,
          })),
        ],
        { duration: time, fill: 'forwards' },
      );
      const fast = cruise / time;
      this.fade(
        [{ opacity: 1 }, { opacity: 1, offset: fast }, { opacity: 0, offset: fast + (1 - fast) * 0.3 }, { opacity: 0 }],
        { duration: time },
      );
      await braked.finished.catch(() => {});
      if (this.animations[STOPS - 1] !== braked) return;
    }
    this.halt();
    this.sharpen();
    this.angle = target;
    this.rest();
    this.facets[stop - 15].classList.add('shown');
  }
}
