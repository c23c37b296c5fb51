// <im-chip amount="25">: a chip with a laurel edge, coloured by its worth.
import { s } from '../app/dom.js';
import { coins } from '../app/i18n.js';

export const CHIPS = /** @type {const} */ ([1, 5, 25, 100, 500, 1000]);

/** The short figures on a chip: 1200 becomes 1.2k. @param {number} amount */
export function chipText(amount) {
  if (amount < 1000) return String(amount);
  const thousands = amount / 1000;
  return `${thousands < 10 ? Math.floor(thousands * 10) / 10 : Math.floor(thousands)}k`;
}

/** A chip's name, which includes the printed text. @param {number} amount */
export function chipName(amount) {
  return amount < 1000 ? coins(amount) : `${chipText(amount)}, ${coins(amount)}`;
}

class Chip extends HTMLElement {
  static observedAttributes = ['amount'];

  attributeChangedCallback() {
    this.draw();
  }

  draw() {
    const amount = Number(this.getAttribute('amount') ?? 0);
    const worth = [...CHIPS].reverse().find((c) => c <= amount) ?? 1;
    const text = chipText(amount);
    this.dataset.worth = String(worth);
    const leaves = Array.from({ length: 8 }, (_, i) =>
      s(
        'g',
        { transform: `rotate(${i * 45} 24 24)` },
        s('path', {
          class: 'leaf',
          d: 'M18.6 3.4C20.4 1.6 22.6 1.8 24 3.6C22.6 5.6 20.4 5.6 18.6 3.4Z',
        }),
        s('path', {
          class: 'leaf',
          d: 'M29.4 3.4C27.6 1.6 25.4 1.8 24 3.6C25.4 5.6 27.6 5.6 29.4 3.4Z',
        }),
      ),
    );
    this.replaceChildren(
      s(
        'svg',
        { viewBox: '0 0 48 48', 'aria-hidden': 'true' },
        s('circle', { class: 'rim', cx: 24, cy: 24, r: 23 }),
        leaves,
        s('circle', { class: 'ring', cx: 24, cy: 24, r: 16.5 }),
        s('circle', { class: 'face', cx: 24, cy: 24, r: 15 }),
        s(
          'text',
          {
            x: 24,
            y: 24,
            'text-anchor': 'middle',
            'dominant-baseline': 'central',
            'font-size': text.length > 3 ? 11 : text.length > 2 ? 13 : 16,
          },
          text,
        ),
      ),
    );
  }
}
customElements.define('im-chip', Chip);
