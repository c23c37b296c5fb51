// The racetrack: the numbers as they lie on the wheel, for call bets. A number bets on itself and its neighbours, a
// field inside on its whole sector.
import { h, s } from '../../app/dom.js';
import { t, coins } from '../../app/i18n.js';
import { WHEEL, CALLS, colour, covered, neighbours, neighbourBet } from './bets.js';

const STRAIGHT = 600;
const OUTER = 100;
const INNER = 58;
const MIDDLE = 79;
const LAP = 2 * STRAIGHT + 2 * Math.PI * MIDDLE;
const PART = LAP / 37;

/**
 * The place on the track at a distance along its middle, from the middle of the right end, clockwise.
 * @param {number} distance @param {number} radius
 */
function at(distance, radius) {
  const quarter = (Math.PI * MIDDLE) / 2;
  let d = ((distance % LAP) + LAP) % LAP;
  if (d <= quarter) return end(STRAIGHT + OUTER + 10, d / MIDDLE, radius);
  d -= quarter;
  if (d <= STRAIGHT) return [STRAIGHT + OUTER + 10 - d, 110 + radius];
  d -= STRAIGHT;
  if (d <= 2 * quarter) return end(OUTER + 10, Math.PI / 2 + d / MIDDLE, radius);
  d -= 2 * quarter;
  if (d <= STRAIGHT) return [OUTER + 10 + d, 110 - radius];
  d -= STRAIGHT;
  return end(STRAIGHT + OUTER + 10, -Math.PI / 2 + d / MIDDLE, radius);
}

/** @param {number} centre @param {number} angle @param {number} radius */
function end(centre, angle, radius) {
  return [centre + radius * Math.cos(angle), 110 + radius * Math.sin(angle)];
}

export class Racetrack {
  /**
   * @param {{place: (call: import('./bets.js').CallBet) => void, look: (numbers: number[], words: string) => void, chip: () => number}} hand
   */
  constructor(hand) {
    this.hand = hand;
    this.upright = false;
    /** @type {SVGElement[]} */
    this.parts = [];
    this.element = h('div', {
      class: 'racetrack',
      role: 'group',
      'aria-label': t('roulette.racetrack'),
    });
    this.#draw();
    new ResizeObserver(() => {
      const upright = this.element.clientWidth < 400;
      if (upright !== this.upright) {
        this.upright = upright;
        this.#draw();
      }
    }).observe(this.element);
  }

  /** @param {number[]} p */
  #p([x, y]) {
    return (this.upright ? [y, x] : [x, y]).map((v) => v.toFixed(1)).join(' ');
  }

  #draw() {
    /** @type {SVGElement[]} */
    const parts = WHEEL.map((n, i) => {
      const from = (i - 0.5) * PART;
      const steps = [0, 0.25, 0.5, 0.75, 1].map((f) => from + f * PART);
      const d = `M${steps.map((x) => this.#p(at(x, OUTER))).join('L')}L${[...steps]
        .reverse()
        .map((x) => this.#p(at(x, INNER)))
        .join('L')}Z`;
      const [x, y] = this.#p(at(i * PART, MIDDLE))
        .split(' ')
        .map(Number);
      const name = t('roulette.neighbours_of', {
        n,
        numbers: neighbours(n).join(', '),
      });
      return this.#field(
        `part ${colour(n)}`,
        name,
        neighbourBet(n),
        i === 0 ? 0 : -1,
        s('path', { d }),
        s('text', { x, y, 'text-anchor': 'middle', 'dominant-baseline': 'central' }, n),
      );
    });
    // The lines between the sectors run from boundary to boundary of the track.
    const [b1, b2, b3, b4] = [8.5, 11.5, 23.5, 28.5].map((i) => i * PART);
    const inner = (/** @type {number} */ x) => at(x, INNER);
    const sector = (/** @type {number} */ from, /** @type {number} */ to) =>
      Array.from({ length: 25 }, (_, i) => inner(from + ((to - from) * i) / 24));
    /** @type {[string, number[][]][]} */
    const fields = [
      ['tiers', sector(b2, b3)],
      ['orphelins', [...sector(b1, b2), ...sector(b3, b4)]],
      ['voisins', sector(b4 - LAP, b1)],
    ];
    const sectors = fields.map(([name, outline]) => {
      const xs = outline.map((p) => p[0]);
      const middle = (Math.min(...xs) + Math.max(...xs)) / 2;
      const [x, y] = this.#p([middle, 110]).split(' ').map(Number);
      return this.#field(
        `sector ${name}`,
        `${t(`roulette.${name}`)}: ${covered(CALLS[name]).join(', ')}`,
        CALLS[name],
        0,
        s('path', { d: `M${outline.map((p) => this.#p(p)).join('L')}Z` }),
        s(
          'text',
          {
            x,
            y,
            'text-anchor': 'middle',
            'dominant-baseline': 'central',
            transform: this.upright ? `rotate(90 ${x} ${y})` : null,
          },
          t(`roulette.${name}`),
        ),
      );
    });
    const box = this.upright ? '0 0 220 820' : '0 0 820 220';
    const ring = s('svg', { viewBox: box, class: this.upright ? 'upright' : null }, parts, sectors);
    this.parts = parts;
    this.element.replaceChildren(ring);
  }

  /**
   * @param {string} className @param {string} name @param {import('./bets.js').CallBet} call @param {number} tabindex
   * @param {...SVGElement} drawing
   */
  #field(className, name, call, tabindex, ...drawing) {
    const numbers = covered(call);
    const chips = call.reduce((sum, c) => sum + c.chips, 0);
    const look = () => this.hand.look(numbers, `${name} · ${coins(chips * this.hand.chip())}`);
    const away = () => this.hand.look([], '');
    const field = s(
      'g',
      {
        class: className,
        role: 'button',
        tabindex,
        'aria-label': name,
        onclick: () => this.hand.place(call),
        onpointerenter: look,
        onpointerleave: away,
        onfocus: look,
        onblur: away,
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event, field, call),
      },
      drawing,
    );
    return field;
  }

  /** @param {KeyboardEvent} event @param {SVGElement} field @param {import('./bets.js').CallBet} call */
  #key(event, field, call) {
    if (event.key === ' ' || event.key === 'Enter') {
      event.preventDefault();
      this.hand.place(call);
      return;
    }
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const { parts } = this;
    const index = parts.indexOf(field);
    if (!step || index < 0) return;
    event.preventDefault();
    const next = parts[(index + step + 37) % 37];
    field.setAttribute('tabindex', '-1');
    next.setAttribute('tabindex', '0');
    next.focus();
  }
}
