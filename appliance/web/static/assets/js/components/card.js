// <im-card rank="queen" suit="hearts" facedown>: a playing card that turns in depth when facedown goes.
import { h, s, asset } from '../app/dom.js';
import { t } from '../app/i18n.js';

/** @type {Record<string, string>} paths in a box of 20 by 20 */
export const SUITS = {
  hearts:
    'M10 18C4 13 1.5 10 1.5 6.6C1.5 4 3.5 2 6 2C7.7 2 9.2 3 10 4.5C10.8 3 12.3 2 14 2C16.5 2 18.5 4 18.5 6.6C18.5 10 16 13 10 18Z',
  diamonds: 'M10 1.5C12 4.8 14.3 7.6 17 10C14.3 12.4 12 15.2 10 18.5C8 15.2 5.7 12.4 3 10C5.7 7.6 8 4.8 10 1.5Z',
  clubs:
    'M10 1.8C12.3 1.8 14 3.5 14 5.6C14 6.5 13.7 7.3 13.2 8C13.7 7.8 14.2 7.7 14.7 7.7C16.8 7.7 18.5 9.4 18.5 11.5C18.5 13.6 16.8 15.3 14.7 15.3C13.1 15.3 11.8 14.5 11 13.3C11.2 15.5 12 17 13.5 18.2H6.5C8 17 8.8 15.5 9 13.3C8.2 14.5 6.9 15.3 5.3 15.3C3.2 15.3 1.5 13.6 1.5 11.5C1.5 9.4 3.2 7.7 5.3 7.7C5.8 7.7 6.3 7.8 6.8 8C6.3 7.3 6 6.5 6 5.6C6 3.5 7.7 1.8 10 1.8Z',
  spades:
    'M10 1.5C13 5.5 18 8 18 11.8C18 14 16.4 15.5 14.4 15.5C13 15.5 11.8 14.8 11 13.6C11.2 15.6 12 17 13.5 18.2H6.5C8 17 8.8 15.6 9 13.6C8.2 14.8 7 15.5 5.6 15.5C3.6 15.5 2 14 2 11.8C2 8 7 5.5 10 1.5Z',
};

/** @type {Record<string, string>} */
const LETTERS = { ace: 'A', jack: 'J', queen: 'Q', king: 'K' };

/** @type {Record<string, [number, number][]>} centres of the pips, in hundredths of the face */
const PIPS = {
  2: [
    [50, 20],
    [50, 80],
  ],
  3: [
    [50, 20],
    [50, 50],
    [50, 80],
  ],
  4: [
    [33, 20],
    [67, 20],
    [33, 80],
    [67, 80],
  ],
  5: [
    [33, 20],
    [67, 20],
    [50, 50],
    [33, 80],
    [67, 80],
  ],
  6: [
    [33, 20],
    [67, 20],
    [33, 50],
    [67, 50],
    [33, 80],
    [67, 80],
  ],
  7: [
    [33, 20],
    [67, 20],
    [50, 35],
    [33, 50],
    [67, 50],
    [33, 80],
    [67, 80],
  ],
  8: [
    [33, 20],
    [67, 20],
    [50, 35],
    [33, 50],
    [67, 50],
    [50, 65],
    [33, 80],
    [67, 80],
  ],
  9: [
    [33, 18],
    [67, 18],
    [33, 39],
    [67, 39],
    [50, 50],
    [33, 61],
    [67, 61],
    [33, 82],
    [67, 82],
  ],
  10: [
    [33, 18],
    [67, 18],
    [50, 29],
    [33, 39],
    [67, 39],
    [33, 61],
    [67, 61],
    [50, 71],
    [33, 82],
    [67, 82],
  ],
};

/** The marks of the court: a sword, a diadem, a crown, in a box of 40 by 24. @type {Record<string, string[]>} */
const COURT = {
  jack: ['M20 1L22 4V15H18V4Z', 'M12 15H28V17.5H12Z', 'M18.8 18H21.2V23H18.8Z'],
  queen: [
    'M5 19C12 14 28 14 35 19L34 22C27 18 13 18 6 22Z',
    'M20 3L23 10L20 14L17 10Z',
    'M11 8L13 12L11 15.5L9 12Z',
    'M29 8L31 12L29 15.5L27 12Z',
  ],
  king: ['M6 22L4 6L13 13L20 2L27 13L36 6L34 22Z'],
};

/** "queen of hearts" @param {string} rank @param {string} suit */
export function cardName(rank, suit) {
  return t('card.name', {
    rank: /^\d/.test(rank) ? rank : t(`rank.${rank}`),
    suit: t(`suit.${suit}`),
  });
}

/** The face. @param {string} rank @param {string} suit */
function face(rank, suit) {
  const letter = LETTERS[rank] ?? rank;
  const path = SUITS[suit];
  /** @param {number} x @param {number} y @param {number} size @param {boolean} [turned] */
  const pip = (x, y, size, turned) =>
    s('path', {
      d: path,
      transform: `translate(${x} ${y}) ${turned ? 'rotate(180) ' : ''}scale(${size / 20}) translate(-10 -10)`,
    });
  /** @param {boolean} turned */
  const corner = (turned) =>
    s(
      'g',
      { transform: turned ? 'rotate(180 50 70)' : null },
      s(
        'text',
        {
          x: 12.5,
          y: 22,
          'text-anchor': 'middle',
          'font-size': 22,
          ...(letter.length > 1 ? { textLength: 20, lengthAdjust: 'spacingAndGlyphs' } : {}),
        },
        letter,
      ),
      pip(12.5, 35, 14),
    );
  /** @type {SVGElement[]} */
  let middle;
  if (rank === 'ace') middle = [pip(50, 70, 46)];
  else if (PIPS[rank]) middle = PIPS[rank].map(([x, y]) => pip(x, 14 + y * 1.12, 18, y > 50));
  else {
    middle = [
      s('rect', {
        class: 'court',
        x: 25,
        y: 14,
        width: 50,
        height: 112,
        rx: 6,
      }),
      s(
        'g',
        { transform: 'translate(30 24)' },
        COURT[rank].map((d) => s('path', { class: 'crown', d })),
      ),
      s(
        'text',
        {
          class: 'court-letter',
          x: 50,
          y: 84,
          'text-anchor': 'middle',
          'font-size': 44,
        },
        letter,
      ),
      pip(50, 106, 24),
    ];
  }
  return s(
    'svg',
    {
      class: `face ${suit === 'hearts' || suit === 'diamonds' ? 'red' : 'black'}`,
      viewBox: '0 0 100 140',
      'aria-hidden': 'true',
    },
    corner(false),
    corner(true),
    middle,
  );
}

class PlayingCard extends HTMLElement {
  static observedAttributes = ['rank', 'suit', 'facedown'];

  connectedCallback() {
    this.draw();
  }
  attributeChangedCallback() {
    if (this.isConnected) this.draw();
  }

  draw() {
    const rank = this.getAttribute('rank');
    const suit = this.getAttribute('suit');
    const down = this.hasAttribute('facedown') || !rank || !suit;
    this.setAttribute('role', 'img');
    this.setAttribute('aria-label', down ? t('card.face_down') : cardName(rank ?? '', suit ?? ''));
    if (!this.firstChild) {
      this.append(
        h(
          'div',
          { class: 'turn' },
          h('div', { class: 'side front' }),
          h(
            'div',
            { class: 'side back' },
            h('img', {
              src: asset('img/laurel.svg'),
              alt: '',
              width: 40,
              height: 40,
            }),
          ),
        ),
      );
    }
    this.classList.toggle('down', down);
    if (rank && suit) this.querySelector('.front')?.replaceChildren(face(rank, suit));
  }
}
customElements.define('im-card', PlayingCard);
