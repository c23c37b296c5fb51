// <im-stake>: what a round costs. A field; half, double and the stake of the last round; chips that set it. The stake
// is kept on this device, for each game.
import { h, uid } from '../app/dom.js';
import { t, num, wholeNumber } from '../app/i18n.js';
import { icon } from './icons.js';
import { device } from '../app/kept.js';
import { CHIPS, chipName } from './chip.js';
import { sound } from '../app/sound.js';

export class Stake extends HTMLElement {
  min = 1;
  max = 10_000;
  #game = '';
  #value = 1;
  /** The stake of the last round, NaN before the first. */
  #last = NaN;
  #off = false;

  /** @param {{game: string, min: number, max: number, value: number}} range */
  setup(range) {
    this.min = range.min;
    this.max = range.max;
    this.#game = range.game;
    this.#last = Number(device.get(`last.${range.game}`));
    const id = uid('stake');
    this.replaceChildren(
      h('label', { class: 'sr', for: id }, t('bet.stake')),
      h(
        'div',
        { class: 'line' },
        h('input', {
          id,
          type: 'text',
          inputmode: 'numeric',
          autocomplete: 'off',
          maxlength: 9,
          oninput: () => this.#read(),
          onchange: () => {
            this.value = this.#value;
          },
        }),
        this.#button(
          {
            class: 'button',
            'aria-label': `½ ${t('bet.half')}`,
            title: t('bet.half'),
          },
          () => {
            this.value = Math.floor(this.#value / 2);
          },
          '½',
        ),
        this.#button(
          {
            class: 'button',
            'aria-label': `2× ${t('bet.double')}`,
            title: t('bet.double'),
          },
          () => {
            this.value = this.#value * 2;
          },
          '2×',
        ),
        this.#button(
          {
            class: 'button repeat',
            'aria-label': t('bet.repeat'),
            title: t('bet.repeat'),
          },
          () => {
            this.value = this.#last;
          },
          icon('repeat'),
        ),
      ),
      h(
        'div',
        { class: 'chips', role: 'group', 'aria-label': t('bet.chips') },
        CHIPS.map((c) =>
          this.#button(
            { 'aria-label': chipName(c), 'data-chip': c },
            () => {
              sound.play('chip');
              this.value = c;
            },
            h('im-chip', { amount: c }),
          ),
        ),
      ),
    );
    this.value = Number(device.get(`stake.${range.game}`)) || range.value;
  }

  /**
   * A click or a touch releases the focus, so that the space key spins again instead of pressing this button.
   * @param {Record<string, any>} props @param {() => void} act @param {import('../app/dom.js').Child} face
   */
  #button(props, act, face) {
    const button = h(
      'button',
      {
        ...props,
        type: 'button',
        onclick: (/** @type {MouseEvent} */ event) => {
          act();
          if (event.detail > 0) button.blur();
        },
      },
      face,
    );
    return button;
  }

  get input() {
    return /** @type {HTMLInputElement} */ (this.querySelector('input'));
  }

  /** Text that is not a whole number leaves the stake unchanged; the field shows the stake again on blur. */
  #read() {
    const typed = this.input.value.trim() === '' ? this.min : wholeNumber(this.input.value);
    if (typed === null) return;
    this.#value = this.#within(typed);
    this.#tell();
  }

  /** @param {number} amount */
  #within(amount) {
    return Math.min(this.max, Math.max(this.min, Math.floor(amount) || this.min));
  }

  get value() {
    return this.#value;
  }
  set value(amount) {
    this.#value = this.#within(amount);
    this.input.value = num(this.#value);
    this.#tell();
  }

  /** A round was played for this stake. @param {number} amount */
  played(amount) {
    this.#last = amount;
    device.set(`last.${this.#game}`, amount);
    this.#switch();
  }

  /** @param {boolean} off */
  set disabled(off) {
    this.#off = off;
    this.#switch();
  }

  #switch() {
    for (const part of this.querySelectorAll('button, input')) {
      const chip = Number(/** @type {HTMLElement} */ (part).dataset.chip ?? this.min);
      /** @type {HTMLButtonElement} */ (part).disabled =
        this.#off || chip < this.min || chip > this.max || (part.classList.contains('repeat') && !this.#last);
    }
  }

  #tell() {
    device.set(`stake.${this.#game}`, this.#value);
    this.#switch();
    for (const chip of this.querySelectorAll('[data-chip]'))
      chip.setAttribute('aria-pressed', String(Number(/** @type {HTMLElement} */ (chip).dataset.chip) === this.#value));
    this.dispatchEvent(new CustomEvent('stake', { detail: this.#value }));
  }
}
customElements.define('im-stake', Stake);
