// The daily coins: when they come, how many, and a button that collects them. And what the pages say to a player who
// has too few coins to play.
import { announce } from '../app/dom.js';
import { html, nothing, render } from '../app/html.js';
import { t, num, coins, whenText, errorText } from '../app/i18n.js';
import { state, house, setCoins } from '../app/store.js';
import { emit, on } from '../app/events.js';
import { post, ApiError } from '../app/api.js';

/** A timer can't wait longer than this, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** Whether the daily coins can be collected now. */
function ready() {
  const at = state.account?.daily_coins_at;
  return !at || Date.parse(at) <= Date.now();
}

/** <im-daily>: the words and the button, for the player who is signed in. */
class Daily extends HTMLElement {
  #asking = false;
  /** What came of the last attempt, in words. */
  #said = '';
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #later;
  #off = () => {};

  connectedCallback() {
    this.#off = on('account', () => this.#draw());
    this.#draw();
    house().then(
      () => this.#draw(),
      () => {}, // the words then leave out how many coins they are
    );
  }

  disconnectedCallback() {
    this.#off();
    clearTimeout(this.#later);
  }

  #draw() {
    clearTimeout(this.#later);
    const given = state.house?.daily_coins !== 0;
    const can = given && ready();
    const at = state.account?.daily_coins_at;
    if (given && at && !can)
      this.#later = setTimeout(() => this.#draw(), Math.min(LONGEST, Date.parse(at) - Date.now() + 500));
    render(
      html`<p tabindex="-1">${this.#said ? `${this.#said} ` : ''}${this.#words(given, can)}</p>
        <button
          class="button"
          type="button"
          id="collect"
          ?hidden=${!can}
          aria-disabled=${this.#asking ? 'true' : nothing}
          @click=${this.#collect}
        >
          ${t('daily.collect')}
        </button>`,
      this,
    );
  }

  /** @param {boolean} given @param {boolean} can */
  #words(given, can) {
    if (!given) return t('daily.none');
    const n = state.house ? ` (${num(state.house.daily_coins)})` : '';
    return can ? t('daily.ready', { n }) : t('daily.next', { n, when: whenText(state.account?.daily_coins_at ?? '') });
  }

  #collect = async () => {
    const button = /** @type {HTMLButtonElement} */ (this.querySelector('#collect'));
    if (this.#asking) return;
    const focused = document.activeElement === button;
    this.#asking = true; // a disabled button would lose the focus
    this.#draw();
    try {
      const answer = await post('/me/daily-coins', undefined, crypto.getRandomValues(new Uint32Array(4)).join('-'));
      this.#said = t('daily.collected', { coins: coins(answer.amount) });
      announce(this.#said);
      if (state.account) state.account.daily_coins_at = answer.next_at;
      setCoins(answer.coins);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#said = error.problem.next_at ? '' : errorText(error.code, error.retryAfter);
      if (error.problem.next_at && state.account) state.account.daily_coins_at = error.problem.next_at;
      if (error.code === 'daily_coins_off' && state.house) state.house.daily_coins = 0;
    } finally {
      this.#asking = false;
      this.#draw();
      emit('account'); // a balance that is held back tells nobody; the coins' time has changed all the same
      if (focused && this.isConnected)
        (button.hidden ? /** @type {HTMLElement} */ (this.querySelector('p')) : button).focus({ preventScroll: true });
    }
  };
}
customElements.define('im-daily', Daily);

/**
 * Says that the player has too few coins, and when there will be more; nothing while there are enough. It is an answer
 * to wanting to play. Guests have coins of no account; the demo says what there is to say about them. Draw it anew at
 * each event 'account'.
 * @param {number} least the coins that a round costs at least
 */
export function coinsNotice(least) {
  if (!state.account || state.account.coins >= least) return nothing;
  return html`<div class="short-of-coins" role="status">
    <p>${t('bet.too_few', { coins: coins(least) })}</p>
    <im-daily></im-daily>
  </div>`;
}
