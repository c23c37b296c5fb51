// <im-stake>: what a round costs. A field, half and double, and chips that set it.
import { h, uid } from '../dom.js';
import { t, num, wholeNumber } from '../i18n.js';
import { CHIPS, chipName } from './chip.js';
import { sound } from '../sound.js';

export class Stake extends HTMLElement {
  min = 1;
  max = 10_000;
  /** Must stakes be kept even? Only a hint for half and double: the casino takes odd ones too. */
  #value = 1;

  /** @param {{min: number, max: number, value: number}} range */
  setup(range) {
    this.min = range.min;
    this.max = range.max;
    const id = uid('stake');
    this.replaceChildren(
      h('label', { class: 'sr', for: id }, t('bet.stake')),
      h('div', { class: 'line' },
        h('input', { id, type: 'text', inputmode: 'numeric', autocomplete: 'off', maxlength: 9,
          oninput: () => this.#read(), onchange: () => { this.value = this.#value; } }),
        h('button', { class: 'button', type: 'button', 'aria-label': `½ ${t('bet.half')}`, title: t('bet.half'), onclick: () => { this.value = Math.floor(this.#value / 2); } }, '½'),
        h('button', { class: 'button', type: 'button', 'aria-label': `2× ${t('bet.double')}`, title: t('bet.double'), onclick: () => { this.value = this.#value * 2; } }, '2×')),
      h('div', { class: 'chips', role: 'group', 'aria-label': t('bet.chips') }, CHIPS.map((c) =>
        h('button', { type: 'button', 'aria-label': chipName(c), 'data-chip': c, disabled: c < this.min || c > this.max,
          onclick: () => { sound.play('chip'); this.value = c; } }, h('im-chip', { amount: c })))));
    this.value = range.value;
  }

  get input() { return /** @type {HTMLInputElement} */ (this.querySelector('input')); }

  /** What is no whole number leaves the stake as it is, and the field shows that one again when it is left. */
  #read() {
    const typed = this.input.value.trim() === '' ? this.min : wholeNumber(this.input.value);
    if (typed === null) return;
    this.#value = Math.min(this.max, Math.max(this.min, typed));
    this.#tell();
  }

  get value() { return this.#value; }
  set value(amount) {
    this.#value = Math.min(this.max, Math.max(this.min, Math.floor(amount) || this.min));
    this.input.value = num(this.#value);
    this.#tell();
  }

  /** @param {boolean} off */
  set disabled(off) {
    for (const part of this.querySelectorAll('button, input')) {
      const chip = Number(/** @type {HTMLElement} */ (part).dataset.chip ?? this.min);
      /** @type {HTMLButtonElement} */ (part).disabled = off || chip < this.min || chip > this.max;
    }
  }

  #tell() {
    for (const chip of this.querySelectorAll('[data-chip]')) chip.setAttribute('aria-pressed', String(Number(/** @type {HTMLElement} */ (chip).dataset.chip) === this.#value));
    this.dispatchEvent(new CustomEvent('stake', { detail: this.#value }));
  }
}
customElements.define('im-stake', Stake);
