// Roulette: how the table looks, and what its controls do.
import { announce, h, reducedMotion } from '../../app/dom.js';
import { html, nothing, render, vars } from '../../app/html.js';
import { t, coins, num, percent } from '../../app/i18n.js';
import { state as house, game } from '../../app/store.js';
import { get, query } from '../../app/api.js';
import { on } from '../../app/events.js';
import { device, tab } from '../../app/kept.js';
import { sound } from '../../app/sound.js';
import { icon } from '../../components/icons.js';
import { CHIPS, chipName } from '../../components/chip.js';
import { coinsNotice } from '../../components/coins.js';
import { rulesLink } from '../../components/rules.js';
import { autoplayRunning, chooseStops, endedWords } from '../../components/autoplay.js';
import { shield } from '../../components/shield.js';
import { recentStrip } from '../../components/recent.js';
import { tableLimits } from '../list.js';
import { balance, cameTo, gameTemplate, play, prepare, refocus } from '../playing.js';
import { ROUNDS } from '../autoplay.js';
import { Autoplaying } from '../autoplaying.js';
import { SPOT, WHEEL, best, chipsOf, colour, covered, toBets, total } from './bets.js';
import { callsTemplate, sheetTemplate, stepper } from './calls.js';
import { clothTemplate, neighbour, spotName } from './cloth.js';
import { fit, halfOf } from './fit.js';
import { racetrack } from './racetrack.js';
import { Wheel } from './wheel.js';
import * as table from './machine.js';

/** @typedef {import('../../app/types.js').RouletteSpin} RouletteSpin */

/** How long a finger rests on a number until all bets with it open, in milliseconds. */
const LONG = 500;
/** How many of the last numbers are shown. */
const SHOWN = 12;

/** The letters of the tools; the same in all languages. @type {Record<string, import('./machine.js').Event['type']>} */
const LETTERS = { R: 'repeat', D: 'double', Z: 'undo', C: 'clear' };

/** @returns {Promise<import('../../app/routes.js').Page>} */
export default async function roulette() {
  const info = await game('roulette');
  const limits = { min: info.min_stake, max: info.max_stake, position: info.max_bet ?? info.max_stake };
  let state = table.begin(limits, tab.get('roulette'), device.get('roulette.saved'));
  const wheel = new Wheel();
  const strip = recentStrip('roulette');
  const root = document.createElement('div');
  root.className = 'game';
  const fair = shield(() => state.round);
  const look = h('p', { class: 'look', 'aria-hidden': 'true' });
  const pictures = Object.fromEntries(
    ['undo', 'clear', 'repeat', 'eraser', 'close', 'keep', 'lines', 'auto'].map((name) => [name, icon(name)]),
  );
  const fingers = matchMedia('(pointer: coarse)');
  let size = { width: 1000, height: 600 }; // of the stage, until it is measured
  let fitted = fit(size.width, size.height, fingers.matches);
  let current = 'straight:17'; // the spot that the keys have reached
  let part = 0; // the same on the racetrack
  /** @type {number[]} */
  let lit = []; // the numbers that the touched bet covers
  let touching = false; // a finger rests somewhere: what it would place is said before it is placed
  let looking = ''; // the words for that
  let byKeys = false; // the focus was moved by keys, not by a pointer
  /** @type {Element|null} */
  let opener = null; // what had the focus before a sheet opened

  const auto = new Autoplaying(round, draw);

  /** Whether nothing can be laid now. */
  const busy = () => table.turning(state) || auto.running;
  /** The coins that can be staked: a player's or a guest's. */
  const purse = balance;

  /** @param {import('./machine.js').Event} event */
  function happen(event) {
    const before = state;
    if (auto.running && event.type !== 'spin' && table.BETTING.includes(event.type)) return;
    state = table.next(state, event);
    if (state === before) return;
    tab.set('roulette', table.kept(state));
    if (state.saved !== before.saved) device.set('roulette.saved', state.saved);
    if (!before.sheet && state.sheet) opener = document.activeElement;
    draw();
    if (!before.sheet && state.sheet)
      root.querySelector(/** @type {any} */ ('.sheet .shut'))?.focus({ preventScroll: true });
    if (before.sheet && !state.sheet) refocus(...[opener, spotButton(current)].filter(visible));
    if (state.message && state.message !== before.message) announce(messageText(state.message));
  }

  function draw() {
    const had = document.activeElement;
    render(gameTemplate('roulette', panel(), stage(), strip.element), root);
    light();
    if (lit.length === 0) look.textContent = oftenText();
    // What had the focus may have gone, such as the button that collects coins.
    if (had && had !== document.body && !had.isConnected) focusAgain();
  }

  /** @param {...(Element|null)} places where the focus goes at best */
  function focusAgain(...places) {
    const others = ['#spin', '#autoplay-stop', '#collect', 'im-daily p'].map((x) => root.querySelector(x));
    refocus(...[...places, ...others].filter(visible));
  }

  // The panel

  function panel() {
    const sum = total(state.laid);
    const short = busy() || purse() >= limits.min ? nothing : coinsNotice(limits.min);
    const ended = !busy() && auto.auto ? endedWords(auto.auto) : '';
    return html`<div class="headline">
        <strong>${t('game.roulette')}</strong>
        ${rulesLink('roulette')}
        <button
          class="automatic"
          type="button"
          id="autoplay"
          title=${t('autoplay.name')}
          aria-label=${t('autoplay.name')}
          ?disabled=${!info.enabled || table.hindrance(state, purse()) !== null || auto.running}
          @click=${automatic}
        >
          ${pictures.auto}
        </button>
        ${fair}
      </div>
      <p class="what">
        <span role="status">${ended}</span>
        ${
          ended || short !== nothing
            ? nothing
            : sum
              ? html`<span class="laid-in-all">${t('roulette.total', { coins: coins(sum) })} · </span
                  >${t('bet.could_win', { coins: coins(best(state.laid)) })}`
              : t('roulette.empty')
        }
      </p>
      ${short === nothing ? chipsAndTools(purse() - sum) : short}
      <button
        class="button primary wide go"
        id="spin"
        type="button"
        ?disabled=${!info.enabled || auto.running || table.hindrance(state, purse()) !== null}
        .textContent=${goText()}
        @click=${(/** @type {MouseEvent} */ event) => {
          if (event.detail < 2) void spin(); // a double click is one press
        }}
      ></button>
      <div class="small-print">
        <div class="facts-line">
          <span>${tableLimits(info)}</span>
          <span>${t('bet.return', { share: percent(info.sheet.figures.return_decimal) })}</span>
        </div>
        <div class="facts-line keys"><span id="table-keys">${t('roulette.keys')}</span></div>
        <div class="facts-line keys">
          <label class="check letters">
            <input
              type="checkbox"
              .checked=${lettersOn()}
              @change=${(/** @type {Event} */ event) =>
                device.set('letters', /** @type {HTMLInputElement} */ (event.target).checked)}
            /><span>${t('roulette.letters')}</span>
          </label>
        </div>
      </div>`;
  }

  /** @param {number} free the coins that are not on the table */
  function chipsAndTools(free) {
    return html`<div class="chips" role="group" aria-label=${t('bet.chips')} ?inert=${busy()}>
        ${CHIPS.map(
          (chip) =>
            html`<button
              type="button"
              class=${chip > free ? 'beyond' : ''}
              aria-label=${chipName(chip)}
              aria-pressed=${!state.erasing && chip === state.chip}
              data-chip=${chip}
              @click=${() => choose(chip)}
            >
              <im-chip amount=${chip}></im-chip>
            </button>`,
        )}
        <button
          type="button"
          class="all-in"
          title=${t('roulette.all_on')}
          aria-label=${t('roulette.all_on')}
          @click=${() => lay({ type: 'rest', coins: Math.min(purse(), limits.max) })}
        >
          ${t('roulette.all')}
        </button>
        <button
          type="button"
          class="eraser"
          aria-label=${t('roulette.eraser')}
          title=${t('roulette.eraser')}
          aria-pressed=${state.erasing}
          @click=${() => happen({ type: 'erase' })}
        >
          ${pictures.eraser}
        </button>
      </div>
      ${
        auto.running && auto.auto
          ? autoplayRunning(auto.auto, () => auto.stop('stopped'))
          : html`<div class="bet-tools">
              ${tool('undo', 'Z', pictures.undo, state.before.length === 0)}
              ${tool('clear', 'C', pictures.clear, table.isEmpty(state.laid))}
              ${tool('repeat', 'R', pictures.repeat, table.isEmpty(state.last))}
              ${tool('double', 'D', html`<b aria-hidden="true">2×</b>`, table.isEmpty(table.toPlay(state)))}
            </div>`
      }`;
  }

  /**
   * @param {'undo'|'clear'|'repeat'|'double'} name @param {string} letter @param {unknown} picture @param {boolean} useless
   */
  function tool(name, letter, picture, useless) {
    return html`<button
      class="tool"
      type="button"
      data-tool=${name}
      aria-keyshortcuts=${letter}
      ?disabled=${busy() || useless}
      @click=${() => use(name)}
    >
      ${picture}<span>${t(`roulette.${name}`)}</span>
    </button>`;
  }

  function goText() {
    if (!info.enabled) return t('bet.disabled');
    const why = table.hindrance(state, purse());
    if (why === 'short') return t('roulette.short', { coins: coins(purse()) });
    if (why === 'below') return t('roulette.below', { min: coins(limits.min) });
    const play = table.toPlay(state);
    if (table.isEmpty(play)) return t('roulette.spin');
    return t(table.again(state) ? 'roulette.again_for' : 'roulette.spin_for', { coins: coins(total(play)) });
  }

  // The stage

  function stage() {
    const { shape, cloth, track } = fitted;
    const whole = shape === 'beside' || shape === 'below';
    const calls = !whole && state.place === 'calls';
    const showCloth = shape !== 'turns' || state.place === 'cloth';
    const showWheel = shape === 'turns' ? state.place === 'wheel' : !calls;
    return html`<div
      class="salon ${state.phase === 'told' ? 'told' : ''}"
      data-shape=${shape}
      data-place=${whole ? 'all' : shape === 'two' && !calls ? 'wheel' : state.place}
      data-row=${fitted.row}
      ${vars({ wheel: `${fitted.wheel}px`, edge: `${cloth.edge}px` })}
    >
      ${tabs(whole)}
      <p class="outcome ${table.won(state) ? 'won' : ''}" id="outcome">${words()}</p>
      <div class="numbers-box" ?hidden=${!showWheel}>${numbers()}</div>
      ${look}
      <div class="wheel-box" ?hidden=${!showWheel} @click=${touchWheel}>
        ${wheel.element}
        <button
          class="button slim skip-run"
          type="button"
          ?hidden=${state.phase !== 'rolling' || reducedMotion()}
          @click=${() => wheel.skip()}
        >
          ${t('action.skip')}
        </button>
      </div>
      <div class="track-box cloth-box racetrack" role="group" aria-label=${t('roulette.racetrack')} ?hidden=${!track}>
        ${track ? racetrack(track, state, part, { ...hand, move: movePart }) : nothing}
      </div>
      <div class="calls-box" ?hidden=${!calls}>${calls ? callsTemplate(state, hand) : nothing}</div>
      <div
        class="table-box cloth-box"
        ?hidden=${!showCloth}
        @pointerdown=${pressed}
        @pointerup=${released}
        @pointercancel=${released}
        @click=${clicked}
        @contextmenu=${contextMenu}
        @pointerover=${(/** @type {Event} */ event) => lookAt(spotOf(event))}
        @pointerleave=${() => lookAt()}
        @focusin=${focused}
        @focusout=${() => lookAt()}
        @keydown=${clothKey}
      >
        ${clothTemplate(cloth, { half: state.half, laid: table.onTable(state), pocket: table.pocket(state), current })}
      </div>
      ${sheetTemplate(state, hand, pictures.close)}
    </div>`;
  }

  /** What can be shown, and what opens. @param {boolean} whole nothing has to take turns */
  function tabs(whole) {
    const { shape, cloth } = fitted;
    /** @param {import('./machine.js').Place} place @param {string} name @param {0|1} [half] */
    const one = (place, name, half) => {
      const shown =
        !state.sheet &&
        (shape === 'two' && place === 'wheel' ? state.place !== 'calls' : state.place === place) &&
        (half === undefined || state.half === half);
      return html`<button
        type="button"
        class="tab"
        data-place=${half === undefined ? place : `${place}-${half}`}
        aria-pressed=${shown}
        @click=${() => happen(half === undefined ? { type: 'show', place } : { type: 'half', half })}
      >
        ${name}
      </button>`;
    };
    return html`<div class="tabs" role="group" aria-label=${t('roulette.places')}>
      ${
        whole
          ? nothing
          : html`${one('wheel', t('roulette.wheel'))}
            ${
              shape === 'two'
                ? nothing
                : cloth.parts === 2
                  ? html`${one('cloth', '0–18', 0)}${one('cloth', '19–36', 1)}`
                  : one('cloth', t('roulette.cloth'))
            }
            ${one('calls', t('roulette.calls'))}`
      }
      <span class="between"></span>
      ${whole ? html`${stepper(state, hand)}${opens({ kind: 'finals' }, t('roulette.finals'))}` : nothing}
      ${
        cloth.lines
          ? nothing
          : html`<button
              type="button"
              class="tab icon-tab"
              aria-pressed=${state.lining}
              data-lines
              aria-label=${t('roulette.lines')}
              title=${t('roulette.lines')}
              @click=${() => happen({ type: 'line' })}
            >
              ${pictures.lines}
            </button>`
      }
      ${opens({ kind: 'saved' }, t('roulette.saved'), pictures.keep)}
    </div>`;
  }

  /** @param {import('./machine.js').Sheet} sheet @param {string} name @param {Node} [picture] */
  function opens(sheet, name, picture) {
    const open = state.sheet?.kind === sheet.kind;
    return html`<button
      type="button"
      class="tab ${picture ? 'icon-tab' : ''}"
      data-sheet=${sheet.kind}
      aria-expanded=${open}
      aria-label=${name}
      title=${name}
      @click=${() => happen({ type: 'sheet', sheet: open ? null : sheet })}
    >
      ${picture ?? name}
    </button>`;
  }

  /** The last numbers, and which fell most and least. */
  function numbers() {
    return html`<h2>${t('roulette.last')}</h2>
      <ol class="numbers" aria-label=${t('roulette.last')}>
        ${state.fallen.slice(0, SHOWN).map(({ pocket }) => html`<li class="ball-number ${colour(pocket)}">${pocket}</li>`)}
      </ol>
      <p class="often">${oftenText()}</p>`;
  }

  function oftenText() {
    const numbers = table.often(state);
    if (!numbers) return '';
    const hot = numbers.hot.map(({ n, times }) => `${n} (${num(times)}×)`).join(', ');
    const cold = numbers.cold.map(({ n }) => n).join(', ');
    return t('roulette.often', { hot, cold, n: num(numbers.rounds) });
  }

  /** @param {{key: string, most?: number}} message */
  function messageText({ key, most }) {
    return t(`roulette.${key}`, most === undefined ? undefined : { max: coins(most) });
  }

  /** What is said above the table. */
  function words() {
    if (table.turning(state)) return t('roulette.rolling');
    if (looking) return looking;
    if (state.message) return messageText(state.message);
    if (state.phase === 'refused' && state.refusal) return state.refusal;
    if (state.phase === 'told' && state.spin) {
      const { pocket, color, round } = state.spin;
      return html`<span class="ball-number ${color}">${pocket}</span> <span>${t(`color.${color}`)}. </span
        ><span>${cameTo(round)}</span>`;
    }
    const { touched, laid } = state;
    const spot = touched && laid[touched] && fingers.matches ? SPOT.get(touched) : null;
    return spot ? spotName(spot, laid[spot.id]) : t('roulette.place');
  }

  // What controls do

  const hand = {
    happen,
    /** @param {import('./bets.js').CallBet} call */
    place: (call) => lay({ type: 'lay', chips: call }),
    /** @param {import('./bets.js').CallBet|null} call @param {string} [name] */
    look: (call, name) => {
      lit = call ? covered(call) : [];
      light();
      const spot = call && !name ? SPOT.get(call[0].spot) : null;
      const said = spot
        ? spotName(spot, state.laid[spot.id] ?? 0)
        : call
          ? `${name} · ${coins(chipsOf(call) * state.chip)}`
          : '';
      look.textContent = said || oftenText();
      const now = touching ? said : '';
      if (now === looking) return;
      looking = now;
      draw();
    },
  };

  /** Chips that are laid or taken back: heard, and said. @param {import('./machine.js').Event} event */
  function lay(event) {
    const before = state.laid;
    auto.forget();
    happen(event);
    if (state.laid === before) return;
    sound.play('chip');
    const one = event.type === 'lay' && event.chips.length === 1 ? event.chips[0].spot : null;
    const spot = SPOT.get(
      (event.type === 'take' ? event.spot : one) ?? (event.type === 'rest' ? state.touched : '') ?? '',
    );
    announce(
      spot ? spotName(spot, state.laid[spot.id] ?? 0) : t('roulette.total', { coins: coins(total(state.laid)) }),
    );
    if (spot && spot.id === current && lit.length > 0) lookAt(spot.id);
  }

  /** @param {number} chip */
  function choose(chip) {
    sound.play('chip');
    happen({ type: 'chip', chip });
  }

  /** @param {'undo'|'clear'|'repeat'|'double'} name */
  function use(name) {
    const had = document.activeElement;
    lay({ type: name });
    refocus(had, ...root.querySelectorAll('.tool:not(:disabled)'), root.querySelector('.chips button'));
  }

  /** A touch of the wheel ends its run; once it rests, the table is shown again. @param {Event} event */
  function touchWheel(event) {
    if (/** @type {Element} */ (event.target).closest('.skip-run')) return;
    if (state.phase === 'rolling') wheel.skip();
    else if (!busy() && fitted.shape === 'turns') happen({ type: 'show', place: 'cloth' });
  }

  async function spin() {
    if (busy()) return;
    const had = document.activeElement;
    auto.forget();
    await round();
    if (had !== document.body) focusAgain(had);
  }

  /** Plays what lies on the table. Resolves when it has been shown, to null where it was refused. */
  async function round() {
    if (!info.enabled || table.hindrance(state, purse()) !== null) return null;
    const bets = toBets(table.toPlay(state));
    happen({ type: 'spin' });
    const answer = await play(
      '/games/roulette/spins',
      { bets },
      {
        show: async (/** @type {RouletteSpin} */ answer) => {
          happen({ type: 'answered', spin: answer });
          await wheel.run(answer.pocket);
          happen({ type: 'rested' });
          tell(answer);
        },
        refused: (text, body) => {
          happen({ type: 'refused', words: body });
          announce(text);
        },
      },
    );
    if (state.phase === 'spinning') happen({ type: 'refused', words: '' }); // no answer, and no words why
    draw(); // with the balance as it is now
    return answer;
  }

  /** Asks for the stops of autoplay, and begins it. */
  async function automatic() {
    if (busy() || table.hindrance(state, purse()) !== null) return;
    const stake = total(table.toPlay(state));
    const stops = await chooseStops({ stake, balance: balance(), rounds: ROUNDS });
    if (stops && !busy() && root.isConnected) auto.start(stops, balance());
    focusAgain(root.querySelector('#autoplay-stop'), root.querySelector('#autoplay'));
  }

  /** @param {RouletteSpin} answer */
  function tell(answer) {
    announce(`${t('roulette.fell', { n: answer.pocket, color: t(`color.${answer.color}`) })} ${cameTo(answer.round)}`);
    strip.add(answer.round);
    if (table.won(state) && !document.hidden) sound.play('win');
  }

  // The cloth under a pointer and keys

  /** @param {Event} event */
  function spotOf(event) {
    return /** @type {HTMLElement|null} */ (/** @type {Element} */ (event.target).closest('[data-spot]'))?.dataset.spot;
  }

  /** @param {string} id @returns {HTMLElement|null} */
  const spotButton = (id) => root.querySelector(`[data-spot="${id}"]`);

  /** Shows which numbers a spot covers, and what it pays. @param {string} [id] */
  function lookAt(id) {
    hand.look(id ? [{ spot: id, chips: 1 }] : null);
  }

  function light() {
    for (const button of root.querySelectorAll('.spot.lit')) button.classList.remove('lit');
    for (const n of lit) spotButton(`straight:${n}`)?.classList.add('lit');
  }

  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let resting;
  let rested = false; // the finger has rested on a spot, and its click is none

  /** @param {PointerEvent} event */
  function pressed(event) {
    clearTimeout(resting);
    rested = false;
    const id = spotOf(event);
    if (!id || event.pointerType === 'mouse') return;
    resting = setTimeout(() => {
      rested = true; // a long press only shows
      openNumber(id);
    }, LONG);
  }

  function released() {
    clearTimeout(resting);
  }

  /** Opens all bets with a number, where its lines can't be hit. @param {string} id */
  function openNumber(id) {
    const spot = SPOT.get(id);
    if (spot?.type !== 'straight' || fitted.cloth.lines || busy()) return false;
    happen({ type: 'sheet', sheet: { kind: 'number', n: spot.numbers[0] } });
    return true;
  }

  /** @param {MouseEvent} event */
  function clicked(event) {
    released();
    const id = spotOf(event);
    if (!id) return;
    reach(id);
    if (event.detail > 0 && rested) return;
    if (state.lining && openNumber(id)) return;
    lay({ type: 'lay', chips: [{ spot: id, chips: 1 }] });
  }

  /** @param {MouseEvent} event */
  function contextMenu(event) {
    event.preventDefault();
    const id = spotOf(event);
    if (id && /** @type {PointerEvent} */ (event).pointerType !== 'touch') lay({ type: 'take', spot: id });
  }

  /** @param {Event} event */
  function focused(event) {
    const id = spotOf(event);
    if (id) reach(id);
    lookAt(id);
  }

  /** The keys go on from this spot. @param {string} id */
  function reach(id) {
    if (id === current) return;
    current = id;
    draw();
  }

  /** @param {KeyboardEvent} event */
  function clothKey(event) {
    const steps = /** @type {Record<string, [number, number]>} */ ({
      ArrowRight: [1, 0],
      ArrowLeft: [-1, 0],
      ArrowDown: [0, 1],
      ArrowUp: [0, -1],
    });
    if (event.key in steps) {
      event.preventDefault();
      const to = neighbour(current, ...steps[event.key], fitted.cloth);
      if (!to) return;
      const half = halfOf(/** @type {import('./bets.js').Spot} */ (SPOT.get(to)));
      if (half !== null && half !== state.half) happen({ type: 'half', half });
      reach(to);
      spotButton(to)?.focus({ preventScroll: true });
    } else if (event.key === 'Backspace' || event.key === 'Delete') {
      event.preventDefault();
      lay({ type: 'take', spot: current });
    }
  }

  /** @param {number} to the place on the wheel */
  function movePart(to) {
    part = to;
    draw();
    /** @type {HTMLElement|null} */ (root.querySelector(`.racetrack [data-part="${WHEEL[to]}"]`))?.focus();
  }

  function lettersOn() {
    return device.get('letters') !== false;
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target !== document.body && !root.contains(target)) return;
    const button = target.closest('button');
    if (event.repeat) {
      if (event.key === 'Enter' && button) event.preventDefault(); // a held key acts once
      return;
    }
    if (event.key === 'Tab' || event.key.startsWith('Arrow')) byKeys = true;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.closest('input:not([type=checkbox]), select, textarea, dialog, [popover]')) return;
    if (event.key === 'Escape') {
      if (auto.running) auto.stop('stopped');
      else happen({ type: 'sheet', sheet: null });
    } else if (event.key === 'Enter') {
      // It presses what keys have reached, except for spots; else it spins.
      if (target.closest('a, input') || (button && byKeys && !button.matches('[data-spot]'))) return;
      event.preventDefault();
      if (auto.running) auto.stop('stopped');
      else void spin();
    } else if (lettersOn() && root.querySelector('.letters')?.checkVisibility()) {
      const name = LETTERS[event.key.toUpperCase()];
      const tool = name && /** @type {HTMLButtonElement|null} */ (root.querySelector(`[data-tool="${name}"]`));
      if (!tool || tool.disabled) return;
      event.preventDefault();
      use(/** @type {any} */ (name));
    }
  }

  /** @param {PointerEvent} event */
  function pointed(event) {
    if (event.type === 'pointerdown') byKeys = false;
    touching = event.pointerType !== 'mouse' && (event.type === 'pointerover' || event.type === 'pointerdown');
    if (touching || !looking) return;
    looking = '';
    draw();
  }
  const pointing = /** @type {const} */ (['pointerover', 'pointerdown', 'pointerup', 'pointercancel']);
  document.addEventListener('keydown', key);
  for (const type of pointing) document.addEventListener(type, pointed, true);

  const off = [
    on('resumed', (answer) => {
      if (answer?.round?.game !== 'roulette' || table.turning(state)) return;
      happen({ type: 'resumed', spin: answer });
      wheel.show(answer.pocket);
      tell(answer);
    }),
    on('account', draw),
  ];

  const measure = () => {
    fitted = fit(size.width, size.height, fingers.matches);
    draw();
  };
  /** Takes the size of the stage, if it has one. @param {DOMRectReadOnly} now */
  const resize = ({ width, height }) => {
    if (!width || (width === size.width && height === size.height)) return;
    size = { width, height };
    measure();
  };
  const observer = new ResizeObserver(([{ contentRect }]) => resize(contentRect));
  fingers.addEventListener('change', measure);

  prepare();
  void strip.load().catch(() => {}); // the strip stays empty; the banner reports the lost connection
  if (house.account)
    void get(`/me/rounds${query({ limit: 100, game: 'roulette' })}`)
      .then(({ rounds }) => {
        happen({ type: 'before', rounds });
        if (state.round && !table.turning(state) && state.phase !== 'told') wheel.show(state.round.outcome.pocket);
      })
      .catch(() => {});

  draw();
  observer.observe(/** @type {Element} */ (root.querySelector('.stage')));
  return {
    title: t('game.roulette'),
    body: root,
    there: () => resize(/** @type {Element} */ (root.querySelector('.stage')).getBoundingClientRect()),
    leave() {
      auto.leave();
      wheel.skip();
      observer.disconnect();
      fingers.removeEventListener('change', measure);
      document.removeEventListener('keydown', key);
      for (const type of pointing) document.removeEventListener(type, pointed, true);
      for (const end of off) end();
    },
  };
}

/** Whether an element can be seen, and so can take the focus. @param {Element|null} element */
function visible(element) {
  return !!element && element.checkVisibility({ visibilityProperty: true });
}
