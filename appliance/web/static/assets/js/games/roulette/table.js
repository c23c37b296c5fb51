// The cloth: 157 spots for bets, each a button at its place, and the numbers below them.
import { h } from '../../app/dom.js';
import { t, coins } from '../../app/i18n.js';
import { SPOTS, SPOT, colour } from './bets.js';

/** A spot's name for screen readers. @param {import('./bets.js').Spot} spot @param {number} amount */
export function spotName(spot, amount) {
  // The printed text is part of the name.
  const printed = spot.numbers.length ? '' : spotLabel(spot);
  const word = t(`bet.${spot.type}`, { n: spot.selection });
  const name = printed && printed !== word ? `${printed}, ${word}` : word;
  const numbers = spot.numbers.length ? ` ${spot.numbers.join(', ')}` : '';
  return `${name}${numbers}, ${t('roulette.pays', { n: spot.pays })}${amount ? `, ${coins(amount)}` : ''}`;
}

/** The words on a bet beside the numbers. @param {import('./bets.js').Spot} spot */
function spotLabel(spot) {
  if (spot.type === 'column') return '2:1';
  if (spot.type === 'dozen') return t(`roulette.dozen${spot.selection}`);
  return { low: '1–18', high: '19–36' }[spot.type] ?? t(`bet.${spot.type}`);
}

/**
 * Hit areas that reach from one crossing to the next where nothing else lies.
 * @param {import('./bets.js').Spot} spot
 */
function kind(spot) {
  if (spot.type === 'straight') return spot.numbers[0] === 0 ? 'zero' : 'cell';
  if (spot.selection || !spot.numbers.length)
    return spot.type === 'column' ? 'cell outside' : spot.type === 'dozen' ? 'dozen outside' : 'even outside';
  if (spot.x % 2 === 0) return 'edge-across';
  return spot.y % 2 === 0 ? 'edge-along' : 'crossing';
}

export class Table {
  /**
   * @param {{place: (spot: string) => void, take: (spot: string) => void, spin: () => void, look: (spot: import('./bets.js').Spot|null) => void}} hand
   */
  constructor(hand) {
    this.hand = hand;
    /** @type {Map<string, HTMLButtonElement>} */
    this.buttons = new Map();
    this.chips = h('div', { class: 'laid', 'aria-hidden': 'true' });
    for (const spot of [...SPOTS].sort((a, b) => a.covers.length - b.covers.length || a.y - b.y)) {
      const type = kind(spot);
      const face = type.includes('cell') || type === 'zero' || type.includes('outside');
      const button = h(
        'button',
        {
          class: `spot ${type} ${spot.type === 'straight' ? colour(spot.numbers[0]) : ''} ${spot.type === 'red' || spot.type === 'black' ? `diamond ${spot.type}` : ''}`,
          type: 'button',
          tabindex: -1,
          'data-spot': spot.id,
          vars: { x: spot.x, y: spot.y },
          'aria-label': spotName(spot, 0),
        },
        face && h('span', null, spot.type === 'straight' ? spot.numbers[0] : spotLabel(spot)),
      );
      this.buttons.set(spot.id, button);
    }
    this.element = h(
      'div',
      {
        class: 'cloth',
        role: 'group',
        'aria-label': t('roulette.table'),
        'aria-describedby': 'table-keys',
      },
      [...this.buttons.values()],
      this.chips,
    );
    this.current = 'straight:17';
    this.#button(this.current).tabIndex = 0;
    this.#listen();
  }

  /** @param {string} id */
  #button(id) {
    return /** @type {HTMLButtonElement} */ (this.buttons.get(id));
  }

  /** @param {Event} event @returns {string|undefined} */
  #spotOf(event) {
    return /** @type {HTMLElement} */ (/** @type {Element} */ (event.target).closest('[data-spot]'))?.dataset.spot;
  }

  #listen() {
    let pressed = Infinity; // when a finger (not a mouse) came down
    this.element.addEventListener('pointerdown', (event) => {
      pressed = event.pointerType === 'mouse' ? Infinity : performance.now();
    });
    this.element.addEventListener('click', (event) => {
      const spot = this.#spotOf(event);
      if (!spot) return;
      this.#focus(spot, false);
      // A long press only shows what the bet would cover, as hovering does with a mouse.
      if (event.detail > 0 && performance.now() - pressed > 550) return;
      this.hand.place(spot);
    });
    this.element.addEventListener('contextmenu', (event) => {
      const spot = this.#spotOf(event);
      event.preventDefault();
      if (spot && /** @type {PointerEvent} */ (event).pointerType !== 'touch') this.hand.take(spot);
    });
    this.element.addEventListener('pointerover', (event) => this.light(this.#spotOf(event)));
    this.element.addEventListener('pointerleave', () => this.light());
    this.element.addEventListener('focusin', (event) => {
      const spot = this.#spotOf(event);
      if (spot) this.#focus(spot, false);
      this.light(spot);
    });
    this.element.addEventListener('focusout', () => this.light());
    this.element.addEventListener('keydown', (event) => this.#key(event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = /** @type {Record<string, [number, number]>} */ ({
      ArrowRight: [1, 0],
      ArrowLeft: [-1, 0],
      ArrowDown: [0, 1],
      ArrowUp: [0, -1],
    });
    if (event.key in steps) {
      event.preventDefault();
      this.#move(...steps[event.key]);
    } else if (event.key === 'Backspace' || event.key === 'Delete') {
      event.preventDefault();
      this.hand.take(this.current);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this.hand.spin();
    }
  }

  /**
   * Moves the focus to the nearest spot in a direction, as seen on the screen.
   * @param {number} dx
   * @param {number} dy
   */
  #move(dx, dy) {
    /** @param {HTMLElement} b */
    const centre = (b) => {
      const r = b.getBoundingClientRect();
      return { x: r.x + r.width / 2, y: r.y + r.height / 2 };
    };
    const from = centre(this.#button(this.current));
    let best = '';
    let bestScore = Infinity;
    for (const [id, button] of this.buttons) {
      if (id === this.current) continue;
      const to = centre(button);
      const ahead = (to.x - from.x) * dx + (to.y - from.y) * dy;
      const aside = Math.abs((to.x - from.x) * dy) + Math.abs((to.y - from.y) * dx);
      if (ahead < 4) continue;
      const score = ahead + aside * 3;
      if (score < bestScore) {
        bestScore = score;
        best = id;
      }
    }
    if (best) this.#focus(best, true);
  }

  /** @param {string} id @param {boolean} move */
  #focus(id, move) {
    this.#button(this.current).tabIndex = -1;
    this.current = id;
    this.#button(id).tabIndex = 0;
    if (move) this.#button(id).focus();
  }

  /** Shows which numbers a bet covers. @param {string} [id] */
  light(id) {
    const spot = id ? (SPOT.get(id) ?? null) : null;
    this.lightNumbers(spot && spot.covers.length ? spot.covers : []);
    this.hand.look(spot);
  }

  /** @param {number[]} numbers */
  lightNumbers(numbers) {
    for (const lit of this.element.querySelectorAll('.lit')) lit.classList.remove('lit');
    for (const n of numbers) this.#button(`straight:${n}`).classList.add('lit');
  }

  /** Draws the chips as they lie now. @param {Map<string, number>} laid @param {(id: string) => boolean} [won] */
  lay(laid, won) {
    /** @type {Map<string, HTMLElement>} */
    const there = new Map(
      [...this.chips.children].map((c) => [
        /** @type {HTMLElement} */ (c).dataset.on ?? '',
        /** @type {HTMLElement} */ (c),
      ]),
    );
    for (const [id, chip] of there)
      if (!laid.has(id)) {
        chip.remove();
        this.#button(id).setAttribute('aria-label', spotName(/** @type {any} */ (SPOT.get(id)), 0));
      }
    for (const [id, amount] of laid) {
      const spot = /** @type {import('./bets.js').Spot} */ (SPOT.get(id));
      let chip = there.get(id);
      if (!chip) {
        chip = h('im-chip', {
          'data-on': id,
          class: kind(spot),
          vars: { x: spot.x, y: spot.y },
        });
        this.chips.append(chip);
      }
      if (chip.getAttribute('amount') !== String(amount)) chip.setAttribute('amount', String(amount));
      chip.classList.toggle('won', won?.(id) ?? false);
      chip.classList.toggle('gone', won ? !won(id) : false);
      this.#button(id).setAttribute('aria-label', spotName(spot, amount));
    }
  }

  /** Marks the number that the ball fell on. @param {number|null} pocket */
  mark(pocket) {
    for (const old of this.element.querySelectorAll('.fallen')) old.classList.remove('fallen');
    if (pocket !== null) this.#button(`straight:${pocket}`).classList.add('fallen');
  }
}
