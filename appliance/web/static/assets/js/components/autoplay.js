// What the player sees of autoplay: a dialog that asks for the stops, what is shown while it runs, and why it ended.
import { h } from '../app/dom.js';
import { html } from '../app/html.js';
import { t, num, coins, signed, wholeNumber } from '../app/i18n.js';
import { textField } from './form.js';

/** @typedef {{rounds: number, loss: number, win: number|null, below: number|null, above: number|null}} Stops */

/**
 * Asks for the stops. Resolves to them, or to null where the player would rather not. The limit of what may be lost has
 * no default: it is the player's own.
 * @param {{
 *   stake: number, balance: number, rounds: number[]
 * }} now what a round costs, and the numbers of rounds to choose from
 * @returns {Promise<Stops|null>}
 */
export function chooseStops({ stake, balance, rounds }) {
  const field = (/** @type {string} */ name, /** @type {string|undefined} */ hint, required = false) =>
    textField({ name, label: t(`autoplay.${name}`), hint, required, inputmode: 'numeric', maxlength: 11 });
  const loss = field('loss', t('autoplay.loss_hint', { coins: coins(rounds[0] * stake), n: num(rounds[0]) }), true);
  const win = field('win', undefined);
  const below = field('below', undefined);
  const above = field('above', undefined);
  const fields = [loss, win, below, above];
  /** @type {Stops|null} */
  let chosen = null;

  const number = h(
    'div',
    { class: 'choices' },
    rounds.map((n, i) =>
      h(
        'label',
        null,
        h('input', { type: 'radio', name: 'rounds', value: String(n), checked: i === 0 }),
        h('span', null, num(n)),
      ),
    ),
  );

  /** What a field says; null where it is empty, NaN where it makes no sense. @param {import('./form.js').Field} of */
  const read = (of) => (of.value.trim() === '' ? null : (wholeNumber(of.value) ?? NaN));

  /** Why the fields can't be taken: at each field. @returns {(string|null)[]} */
  function wrongs() {
    const most = read(loss);
    const whole = (/** @type {number|null} */ n) => (n === null || n > 0 ? null : t('stake.whole'));
    const low = read(below);
    const high = read(above);
    return [
      most === null
        ? t('autoplay.loss_needed')
        : (whole(most) ?? (most < stake ? t('autoplay.loss_low', { coins: coins(stake) }) : null)),
      whole(read(win)),
      whole(low) ?? (low !== null && low >= balance ? t('autoplay.reached', { coins: coins(balance) }) : null),
      whole(high) ?? (high !== null && high <= balance ? t('autoplay.reached', { coins: coins(balance) }) : null),
    ];
  }

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    const wrong = wrongs();
    fields.forEach((of, i) => of.wrong(wrong[i]));
    const first = fields[wrong.findIndex((words) => words !== null)];
    if (first) {
      first.input.focus();
      return;
    }
    const picked = /** @type {HTMLInputElement} */ (number.querySelector(':checked'));
    chosen = {
      rounds: Number(picked.value),
      loss: read(loss) ?? 0,
      win: read(win),
      below: read(below),
      above: read(above),
    };
    dialog.close();
  }

  const dialog = h(
    'dialog',
    { class: 'stops', 'aria-labelledby': 'stops-title' },
    h(
      'form',
      { novalidate: true, onsubmit: submit },
      h('h2', { id: 'stops-title' }, t('autoplay.name')),
      h('p', null, t('autoplay.text', { coins: coins(stake) })),
      h('fieldset', null, h('legend', null, t('autoplay.rounds')), number),
      loss.element,
      h(
        'fieldset',
        { class: 'more' },
        h('legend', null, t('autoplay.also')),
        win.element,
        below.element,
        above.element,
      ),
      h(
        'div',
        { class: 'row' },
        h('button', { class: 'button primary', type: 'submit' }, t('autoplay.start')),
        h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
      ),
    ),
  );
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(chosen);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** The button that opens the dialog. @param {() => void} open @param {boolean} off */
export function autoplayButton(open, off) {
  return html`<button class="button slim" type="button" id="autoplay" ?disabled=${off} @click=${open}>
    ${t('autoplay.name')}
  </button>`;
}

/** While it runs. @param {{left: number}} auto @param {() => void} stop */
export function autoplayRunning({ left }, stop) {
  return html`<div class="autoplaying">
    <button class="button" type="button" id="autoplay-stop" @click=${stop}>${t('autoplay.stop')}</button>
    <span>${t('autoplay.left', { n: num(left) })}</span>
  </div>`;
}

/** Why it ended, and what came of it. @param {{ended: string|null, net: number}} auto */
export function endedWords({ ended, net }) {
  return ended ? `${t(`autoplay.ended_${ended}`)} ${t('autoplay.net', { net: signed(net) })}` : '';
}
