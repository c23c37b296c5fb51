// Call bets in words: what each covers and costs, as buttons for where the racetrack has no room; and the sheets that
// open over the table.
import { html, nothing, repeat } from '../../app/html.js';
import { t, coins, num } from '../../app/i18n.js';
import { CALLS, WHEEL, chipsOf, colour, covered, finalBet, insideOf, neighbourBet, total } from './bets.js';
import { spotName } from './cloth.js';
import { MOST_NEIGHBOURS, MOST_SAVED } from './machine.js';

/**
 * @typedef {import('./bets.js').CallBet} CallBet
 * @typedef {import('./machine.js').State} State
 *
 * @typedef {object} Hand what the controls do
 * @property {(event: import('./machine.js').Event) => void} happen
 * @property {(call: CallBet) => void} place
 * @property {(call: CallBet|null, name?: string) => void} look
 */

/** "Tiers: 5, 8, 10 …" @param {string} name */
export function callName(name) {
  return `${t(`roulette.${name}`)}: ${covered(CALLS[name]).join(', ')}`;
}

/** How many neighbours a number takes with it. @param {State} state @param {Hand} hand */
export function stepper({ each }, { happen }) {
  return html`<div class="stepper" role="group" aria-label=${t('roulette.neighbours')}>
    <button
      type="button"
      aria-label=${t('roulette.fewer')}
      ?disabled=${each <= 1}
      @click=${() => happen({ type: 'each', each: each - 1 })}
    >
      −
    </button>
    <output>±${each}</output>
    <button
      type="button"
      aria-label=${t('roulette.more')}
      ?disabled=${each >= MOST_NEIGHBOURS}
      @click=${() => happen({ type: 'each', each: each + 1 })}
    >
      +
    </button>
  </div>`;
}

/** A call bet that says what it covers and costs. @param {string} title @param {CallBet} call @param {State} state @param {Hand} hand */
function callButton(title, call, state, hand) {
  const numbers = covered(call).join(' ');
  return html`<button
    class="call"
    type="button"
    @click=${() => hand.place(call)}
    @pointerenter=${() => hand.look(call, title)}
    @pointerleave=${() => hand.look(null)}
    @focus=${() => hand.look(call, title)}
    @blur=${() => hand.look(null)}
  >
    <span><b>${title}</b> ${coins(chipsOf(call) * state.chip)}</span><small>${numbers}</small>
  </button>`;
}

/** @param {State} state @param {Hand} hand */
export function finals(state, hand) {
  return html`<div class="finals">
    ${Array.from({ length: 10 }, (_, n) => callButton(t('roulette.final_n', { n }), finalBet(n), state, hand))}
  </div>`;
}

/** The place of the call bets. @param {State} state @param {Hand} hand */
export function callsTemplate(state, hand) {
  const kinds = /** @type {const} */ (['sectors', 'neighbours', 'finals']);
  return html`<div class="kinds" role="group" aria-label=${t('roulette.calls')}>
      ${kinds.map(
        (kind) =>
          html`<button
            type="button"
            aria-pressed=${state.calls === kind}
            data-calls=${kind}
            @click=${() => hand.happen({ type: 'calls', calls: kind })}
          >
            ${t(`roulette.${kind}`)}
          </button>`,
      )}
    </div>
    ${state.calls === 'sectors' ? sectors(state, hand) : state.calls === 'finals' ? finals(state, hand) : ring(state, hand)}`;
}

/** @param {State} state @param {Hand} hand */
function sectors(state, hand) {
  return html`<div class="sectors">
    ${Object.entries(CALLS).map(([name, call]) => callButton(t(`roulette.${name}`), call, state, hand))}
  </div>`;
}

/** The numbers in the order of the wheel: each bets on itself and its neighbours. @param {State} state @param {Hand} hand */
function ring(state, hand) {
  const { each, chip } = state;
  return html`<div class="ring">
    ${WHEEL.map((n) => {
      const call = neighbourBet(n, each);
      const name = t('roulette.neighbours_of', { n, numbers: covered(call).join(', ') });
      return html`<button
        class="ball-number ${colour(n)}"
        type="button"
        data-part=${n}
        aria-label=${name}
        @click=${() => hand.place(call)}
        @pointerenter=${() => hand.look(call, name)}
        @pointerleave=${() => hand.look(null)}
        @focus=${() => hand.look(call, name)}
        @blur=${() => hand.look(null)}
      >
        ${n}
      </button>`;
    })}
    ${stepper(state, hand)}
    <p class="costs">
      <span class="sr">${t('roulette.each', { n: each, coins: '' })}</span>${coins((2 * each + 1) * chip)}
    </p>
  </div>`;
}

/** What lies over the table. @param {State} state @param {Hand} hand @param {Node} close its picture */
export function sheetTemplate(state, hand, close) {
  const { sheet } = state;
  if (!sheet) return nothing;
  const title =
    sheet.kind === 'number'
      ? t('roulette.inside_of', { n: sheet.n })
      : t(sheet.kind === 'finals' ? 'roulette.finals' : 'roulette.saved');
  return html`<section class="sheet of-${sheet.kind}" id="sheet" aria-label=${title}>
    <div class="sheet-head">
      <h2>${title}</h2>
      <button
        class="shut"
        type="button"
        aria-label=${t('action.close')}
        @click=${() => hand.happen({ type: 'sheet', sheet: null })}
      >
        ${close}
      </button>
    </div>
    ${
      sheet.kind === 'number'
        ? insideBets(sheet.n, state, hand)
        : sheet.kind === 'finals'
          ? finals(state, hand)
          : savedBets(state, hand)
    }
  </section>`;
}

/** All bets on numbers that one number belongs to. @param {number} n @param {State} state @param {Hand} hand */
function insideBets(n, state, hand) {
  return html`<div class="inside-bets">
    ${insideOf(n).map((spot) => {
      const call = [{ spot: spot.id, chips: 1 }];
      const amount = state.laid[spot.id] ?? 0;
      return html`<button
        class="inside-bet ${amount ? 'has' : ''}"
        type="button"
        data-bet=${spot.id}
        @click=${() => hand.place(call)}
        @pointerenter=${() => hand.look(call)}
        @pointerleave=${() => hand.look(null)}
        @focus=${() => hand.look(call)}
        @blur=${() => hand.look(null)}
      >
        ${around(n, spot.covers)}
        <b aria-hidden="true">${t(`bet.${spot.type}`)}</b>
        <small aria-hidden="true">${inShort(spot.numbers)} · ${spot.pays}:1</small>
        ${amount ? html`<im-chip aria-hidden="true" amount=${amount}></im-chip>` : nothing}
        <span class="sr">${spotName(spot, amount)}</span>
      </button>`;
    })}
  </div>`;
}

/** The numbers of a bet; six in a row as "13–18". @param {number[]} numbers */
function inShort(numbers) {
  return numbers.length > 4 ? `${numbers[0]}–${numbers.at(-1)}` : numbers.join(', ');
}

/** The numbers around one, those that a bet covers lit. @param {number} n @param {number[]} covers */
function around(n, covers) {
  const row = n === 0 ? 0 : Math.ceil(n / 3);
  const first = Math.max(0, Math.min(10, row - 1));
  return html`<span class="around" aria-hidden="true"
    >${[3, 2, 1].map((column) =>
      [0, 1, 2].map((i) => {
        const number = first + i === 0 ? 0 : 3 * (first + i - 1) + column;
        return html`<i class="${colour(number)} ${covers.includes(number) ? 'lit-small' : ''}"></i>`;
      }),
    )}</span
  >`;
}

/** @param {State} state @param {Hand} hand */
function savedBets(state, hand) {
  const { saved, laid, last } = state;
  const some = Object.keys(laid).length + Object.keys(last).length > 0;
  return html`<form
      class="save"
      @submit=${(/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const field = /** @type {HTMLInputElement} */ (
          /** @type {HTMLFormElement} */ (event.target).elements.namedItem('name')
        );
        hand.happen({ type: 'keep', name: field.value });
        field.value = '';
      }}
    >
      <input
        name="name"
        type="text"
        maxlength="24"
        autocomplete="off"
        required
        aria-label=${t('roulette.save_name')}
        placeholder=${t('roulette.save_name')}
      />
      <button class="button" type="submit" ?disabled=${!some}>${t('roulette.save')}</button>
    </form>
    <p class="costs">${saved.length ? nothing : t('roulette.saved_none', { n: num(MOST_SAVED) })}</p>
    <ul class="saved-bets">
      ${repeat(
        saved,
        (s) => s.name,
        ({ name, laid: bets }) =>
          html`<li>
            <button class="put" type="button" data-put=${name} @click=${() => hand.happen({ type: 'put', name })}>
              <b>${name}</b> <small>${coins(total(bets))}</small>
            </button>
            <button
              class="forget"
              type="button"
              aria-label=${t('roulette.forget', { name })}
              @click=${() => hand.happen({ type: 'forget', name })}
            >
              ×
            </button>
          </li>`,
      )}
    </ul>`;
}
