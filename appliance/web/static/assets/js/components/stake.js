// <im-stake>: what a round costs. A field; half, double, the stake of the last round, all in; chips that set it. It keeps
// to the table's limits and to the balance: what is chosen stays within them, and what is typed beyond them is refused
// in words, never changed. The stake is kept on this device, for each game.
import { announce, uid } from '../app/dom.js';
import { html, live, nothing, render } from '../app/html.js';
import { t, num, coins, wholeNumber } from '../app/i18n.js';
import { icon } from './icons.js';
import { device } from '../app/kept.js';
import { CHIPS, chipName } from './chip.js';
import { sound } from '../app/sound.js';

export class Stake extends HTMLElement {
  min = 1;
  max = 10_000;
  #game = '';
  #value = 1;
  /** What is being typed, as it stands in the field; null while the field shows the stake. @type {string|null} */
  #typed = null;
  /** The stake of the last round, NaN before the first. */
  #last = NaN;
  #balance = Infinity;
  #off = false;
  #id = uid('stake');
  #again = icon('repeat');

  /** @param {{game: string, min: number, max: number, value: number}} range */
  setup(range) {
    this.min = range.min;
    this.max = range.max;
    this.#game = range.game;
    this.#last = Number(device.get(`last.${range.game}`));
    // Not within the balance: that may change, and is not known yet.
    this.#value = this.#within(Number(device.get(`stake.${range.game}`)) || range.value, this.max);
    this.#tell();
  }

  get value() {
    return this.#value;
  }
  set value(amount) {
    this.#typed = null;
    this.#value = this.#within(amount, this.most);
    this.#tell();
  }

  /** The coins that the player has. */
  get balance() {
    return this.#balance;
  }
  set balance(coins) {
    if (coins === this.#balance) return;
    this.#balance = coins;
    this.#draw();
  }

  /** The highest stake that is possible now. Who has too few coins for any stake is told elsewhere (coins.js). */
  get most() {
    return this.#balance < this.min ? this.max : Math.min(this.max, this.#balance);
  }

  /** Why the stake can't be played, in words; empty where it can. */
  get wrong() {
    if (this.#typed !== null && wholeNumber(this.#typed) === null) return t('stake.whole');
    if (this.#value < this.min) return t('stake.least', { coins: coins(this.min) });
    if (this.#value > this.max) return t('stake.most', { coins: coins(this.max) });
    if (this.#value > this.most) return t('stake.balance', { coins: coins(this.#balance) });
    return '';
  }

  /** Whether the stake can be played. If not, the field gets the focus and the words are announced. */
  check() {
    const { wrong } = this;
    if (!wrong) return true;
    this.input.focus({ preventScroll: true });
    announce(wrong);
    return false;
  }

  half() {
    this.value = Math.floor(this.#value / 2);
  }
  double() {
    this.value = this.#value * 2;
  }
  /** Sets the stake of the last round, if there was one. */
  repeat() {
    if (this.#last) this.value = this.#last;
  }
  allIn() {
    if (this.#balance < Infinity) this.value = this.most;
  }

  /** A round was played for this stake. @param {number} amount */
  played(amount) {
    this.#last = amount;
    device.set(`last.${this.#game}`, amount);
    this.#draw();
  }

  get disabled() {
    return this.#off;
  }
  set disabled(off) {
    if (off === this.#off) return;
    this.#off = off;
    this.#draw();
  }

  get input() {
    return /** @type {HTMLInputElement} */ (this.querySelector('input'));
  }

  /** @param {number} amount @param {number} most */
  #within(amount, most) {
    return Math.min(most, Math.max(this.min, Math.floor(amount) || this.min));
  }

  #read = () => {
    this.#typed = this.input.value;
    this.#value = wholeNumber(this.#typed) ?? this.#value;
    this.#tell();
  };

  /** The field shows the stake again, whatever was typed last. */
  #shown = () => {
    this.#typed = null;
    this.#draw();
  };

  #tell() {
    if (this.#value >= this.min && this.#value <= this.max) device.set(`stake.${this.#game}`, this.#value);
    this.#draw();
    this.dispatchEvent(new CustomEvent('stake', { detail: this.#value }));
  }

  #draw() {
    const { wrong } = this;
    const said = `${this.#id}-wrong`;
    render(
      html`<label class="sr" for=${this.#id}>${t('bet.stake')}</label>
        <input
          id=${this.#id}
          type="text"
          inputmode="numeric"
          autocomplete="off"
          maxlength="11"
          aria-describedby=${said}
          aria-invalid=${wrong ? 'true' : nothing}
          .value=${live(this.#typed ?? num(this.#value))}
          ?disabled=${this.#off}
          @input=${this.#read}
          @change=${this.#shown}
        />
        ${this.#button('half', t('bet.half'), '½', () => this.half())}
        ${this.#button('double', t('bet.double'), '2×', () => this.double())}
        <div class="chips" role="group" aria-label=${t('bet.chips')}>${CHIPS.map((worth) => this.#chip(worth))}</div>
        ${this.#button('repeat', t('bet.repeat'), this.#again, () => this.repeat(), !this.#last)}
        ${this.#button('all', t('bet.all_in'), t('bet.all'), () => this.allIn(), !(this.#balance < Infinity))}
        <p class="wrong" id=${said} ?hidden=${!wrong}>${wrong}</p>`,
      this,
    );
  }

  /**
   * A click or a touch releases the focus, so that the space key spins again instead of pressing this button.
   * @param {() => void} act
   */
  #press(act) {
    return (/** @type {MouseEvent} */ event) => {
      act();
      if (event.detail > 0) /** @type {HTMLElement} */ (event.currentTarget).blur();
    };
  }

  /**
   * @param {string} name @param {string} words @param {string|Node} face @param {() => void} act
   * @param {boolean} [useless]
   */
  #button(name, words, face, act, useless = false) {
    const label = typeof face === 'string' && !words.startsWith(face) ? `${face} ${words}` : words; // what is read is said
    return html`<button
      class="button ${name}"
      type="button"
      title=${words}
      aria-label=${label}
      ?disabled=${this.#off || useless}
      @click=${this.#press(act)}
    >
      ${face}
    </button>`;
  }

  /** @param {number} worth */
  #chip(worth) {
    return html`<button
      type="button"
      data-chip=${worth}
      aria-label=${chipName(worth)}
      aria-pressed=${String(worth === this.#value)}
      ?disabled=${this.#off || worth < this.min || worth > this.most || worth > this.#balance}
      @click=${this.#press(() => {
        sound.play('chip');
        this.value = worth;
      })}
    >
      <im-chip amount=${worth}></im-chip>
    </button>`;
  }
}
customElements.define('im-stake', Stake);
