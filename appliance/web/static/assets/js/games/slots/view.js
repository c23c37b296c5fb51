// Cherry Charm: how the slot machine looks, and what its controls do.
import { asset, announce, reducedMotion } from '../../app/dom.js';
import { html, render, nothing } from '../../app/html.js';
import { t, num, coins, percent } from '../../app/i18n.js';
import { game } from '../../app/store.js';
import { on } from '../../app/events.js';
import { device } from '../../app/kept.js';
import { sound } from '../../app/sound.js';
import { Stake } from '../../components/stake.js';
import { coinsNotice } from '../../components/coins.js';
import { rulesLink } from '../../components/rules.js';
import { autoplayButton, autoplayRunning, chooseStops, endedWords } from '../../components/autoplay.js';
import { shield } from '../../components/shield.js';
import { recentStrip } from '../../components/recent.js';
import { play, balance, prepare, gameTemplate, refocus, cameTo } from '../playing.js';
import { ROUNDS } from '../autoplay.js';
import { Autoplaying } from '../autoplaying.js';
import { Drum, STRIPS, LANDING } from './drum.js';
import { begin, next, turning, won, hit, IDLE } from './machine.js';

/** @typedef {import('../../app/types.js').SlotsSpin} SlotsSpin */

/** A cycle takes at least this long: a rule of the machine, not a matter of taste. */
const CYCLE = 2500;
/** When the first reel rests, at the earliest, and the delay of each next one, in milliseconds. */
const FIRST = 2300;
const NEXT = 350;

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds));

/** @returns {Promise<import('../../app/routes.js').Page>} */
export default async function slots() {
  const info = await game('slots');
  const pays = payLines(info.sheet.pays);
  const best = Math.max(...pays.map((line) => line.multiplier));
  const drums = STRIPS.map((_, reel) => new Drum(reel, IDLE[reel]));
  const strip = recentStrip('slots');
  const root = document.createElement('div');
  root.className = 'game';
  const stake = new Stake();
  stake.setup({ game: 'slots', min: info.min_stake, max: info.max_stake, value: Math.max(info.min_stake, 5) });
  stake.addEventListener('stake', () => {
    auto.forget();
    draw();
  });
  const fair = shield(() => state.last);
  let state = begin();
  /** Single-letter keys can be switched off, for people who use speech input (WCAG 2.1.4). */
  let letters = device.get('letters') !== false;
  const auto = new Autoplaying(round, draw);

  /** @param {import('./machine.js').Event} event */
  function happen(event) {
    state = next(state, event);
    draw();
  }

  /** Whether a spin may not start now. */
  const busy = () => turning(state) || auto.running;
  /** Whether there are coins for a spin. */
  const canPay = () => balance() >= info.min_stake;

  function draw() {
    const had = document.activeElement;
    const paid = hit(state);
    drums.forEach((drum, reel) => drum.element.classList.toggle('hit', !!paid && reel < paid.reels));
    stake.balance = balance();
    stake.disabled = busy();
    render(gameTemplate('slots', panel(), stage(), strip.element), root);
    // What had the focus may have gone, such as the button that collects coins.
    if (had && had !== document.body && !had.isConnected) focusAgain();
  }

  /** @param {...(Element|null)} places where the focus goes at best */
  function focusAgain(...places) {
    refocus(...places, ...['#spin', '#autoplay-stop', '#collect', 'im-daily p'].map((x) => root.querySelector(x)));
  }

  function panel() {
    const idle = !busy();
    const ended = idle && auto.auto ? endedWords(auto.auto) : '';
    const short = canPay() || turning(state) ? nothing : coinsNotice(info.min_stake);
    const of = { min: num(info.min_stake), max: num(info.max_stake) };
    return html`<div class="headline"><strong>${t('game.slots')}</strong>${fair}</div>
      <p class="what">
        <span role="status">${ended}</span>
        ${ended || short !== nothing ? nothing : t('bet.could_win', { coins: coins(stake.value * best) })}
      </p>
      ${short === nothing ? stake : short}
      <button
        class="button primary wide go"
        id="spin"
        type="button"
        title=${t('slots.space')}
        ?disabled=${!idle || !info.enabled || !canPay()}
        @click=${spin}
      >
        ${t(info.enabled ? 'slots.spin' : 'bet.disabled')}
      </button>
      <div class="small-print">
        <div class="facts-line extras">
          ${
            auto.running && auto.auto
              ? autoplayRunning(auto.auto, () => auto.stop('stopped'))
              : short === nothing
                ? autoplayButton(choose, !idle || !info.enabled)
                : nothing
          }
          ${rulesLink('slots')}
        </div>
        <div class="facts-line">
          <span>${t('bet.limits', of)}</span>
          <span class="return">${t('bet.return', { share: percent(info.sheet.figures.return_decimal) })}</span>
        </div>
        <label class="check keys">
          <input type="checkbox" .checked=${letters} @change=${switchLetters} />
          <span>${t('slots.letters')}</span>
        </label>
      </div>`;
  }

  /** @param {Event} event */
  function switchLetters({ target }) {
    letters = /** @type {HTMLInputElement} */ (target).checked;
    device.set('letters', letters);
  }

  function stage() {
    const laurel = html`<img src=${asset('img/laurel.svg')} alt="" width="30" height="30" />`;
    return html`<div class="machine ${won(state) ? 'won' : ''}">
        <p class="sign">${laurel}Cherry Charm${laurel}</p>
        <div class="window" aria-hidden="true">
          ${drums.map((drum) => drum.element)}
          <div class="payline"></div>
        </div>
        <div class="plate"><p class="outcome ${won(state) ? 'won' : ''}" id="outcome">${words()}</p></div>
        <div class="feet"></div>
      </div>
      ${payTable(pays, hit(state))}`;
  }

  /** What the plate says. */
  function words() {
    if (turning(state)) return t('slots.spinning');
    if (state.phase === 'refused') return state.refusal;
    return state.phase === 'told' && state.spin ? cameTo(state.spin.round) : t('slots.ready');
  }

  async function spin() {
    if (busy() || !info.enabled || !canPay() || !stake.check()) return;
    const had = document.activeElement;
    auto.forget();
    await round();
    if (had !== document.body) focusAgain(had);
  }

  /** Plays a round for the stake. Resolves when it has been shown, to null where it was refused. */
  async function round() {
    if (!canPay() || stake.wrong) return null;
    const started = performance.now();
    const before = state.stops;
    happen({ type: 'spin' });
    drums.forEach((drum) => drum.spin());
    return await play(
      '/games/slots/spins',
      { stake: stake.value },
      {
        show: async (/** @type {SlotsSpin} */ answer) => {
          happen({ type: 'answered', spin: answer });
          await rest(answer, started);
          stake.played(answer.round.staked);
          happen({ type: 'rested' });
          tell(answer);
        },
        refused: (text, body) => {
          happen({ type: 'refused', words: body });
          announce(text);
          drums.forEach((drum, reel) => void drum.land(before[reel]));
        },
      },
    );
  }

  /** Asks for the stops of autoplay, and begins it. */
  async function choose() {
    if (busy() || !canPay() || !stake.check()) return;
    const stops = await chooseStops({ stake: stake.value, balance: balance(), rounds: ROUNDS });
    if (stops && !busy() && root.isConnected) auto.start(stops, balance());
    focusAgain(root.querySelector('#autoplay-stop'), root.querySelector('#autoplay'));
  }

  /** Brings the reels to rest, one after the other. @param {SlotsSpin} answer @param {number} started */
  async function rest(answer, started) {
    if (!reducedMotion()) await wait(Math.max(0, started + FIRST - LANDING - performance.now()));
    const first = Math.max(started + FIRST, performance.now() + LANDING);
    // Reels get their stops one after the other: all at once would not fit into one frame.
    await Promise.all(
      drums.map(async (drum, reel) => {
        if (!reducedMotion()) await wait(reel * (NEXT - 100));
        await drum.land(answer.stops[reel], first + reel * NEXT);
        sound.play('reel');
      }),
    );
    await wait(Math.max(0, started + CYCLE - performance.now()));
  }

  /** @param {SlotsSpin} answer */
  function tell(answer) {
    announce(`${answer.symbols.map((name) => t(`symbol.${name}`)).join(', ')}. ${cameTo(answer.round)}`);
    if (won(state)) sound.play('win');
    strip.add(answer.round);
  }

  /** What the letter keys do, where their switch is shown. @type {Record<string, () => void>} */
  const LETTERS = { R: () => stake.repeat(), D: () => stake.double(), H: () => stake.half() };

  /** @param {KeyboardEvent} event */
  function key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('dialog, [popover], select')) return;
    const press = event.key === 'Enter' || event.code === 'Space';
    const control = target.closest('button, a, input[type=checkbox]');
    if (press && event.repeat && (event.key === 'Enter' || !control)) event.preventDefault(); // held, it presses once
    if (event.repeat) return;
    if (event.key === 'Escape') auto.stop('stopped');
    else if (press && !control) {
      if (event.code === 'Space' && target.closest('input')) return;
      event.preventDefault();
      if (auto.running) auto.stop('stopped');
      else void spin();
    } else if (
      letters &&
      !busy() &&
      !target.closest('input[type=text]') &&
      root.querySelector('.keys')?.checkVisibility()
    )
      LETTERS[event.key.toUpperCase()]?.();
  }
  document.addEventListener('keydown', key);
  const offAccount = on('account', draw);

  const offResumed = on('resumed', (answer) => {
    if (answer?.round?.game !== 'slots') return;
    happen({ type: 'resumed', spin: answer });
    drums.forEach((drum, reel) => void drum.land(answer.stops[reel]));
    tell(answer);
  });

  prepare();
  void strip
    .load()
    .then(([round]) => {
      if (!round) return;
      happen({ type: 'before', round });
      if (!turning(state)) drums.forEach((drum, reel) => void drum.land(state.stops[reel]));
    })
    .catch(() => {}); // the strip stays empty; the banner reports the lost connection

  draw();
  return {
    title: t('game.slots'),
    body: root,
    leave() {
      document.removeEventListener('keydown', key);
      offResumed();
      offAccount();
      auto.leave();
    },
  };
}

/** @typedef {{symbol: string, count: number, multiplier: number}} PayLine */

/** The lines of the pay table. @param {{name: string, multiplier: number}[]} pays such as "3 cherries" @returns {PayLine[]} */
function payLines(pays) {
  const symbols = /** @type {Record<string, string>} */ ({ c: 'cherry', a: 'apple', b: 'banana', l: 'lemon' });
  return pays.map(({ name, multiplier }) => {
    const [count, word] = name.split(' ');
    return { symbol: symbols[word[0]], count: Number(count), multiplier };
  });
}

/** The pay table under the machine. @param {PayLine[]} lines @param {{symbol: string, reels: number}|null} paid */
function payTable(lines, paid) {
  return html`<ul class="paytable" aria-label=${t('rules.pays')}>
    ${lines.map(({ symbol, count, multiplier }) => {
      const name = t('slots.line', { count, symbol: t(`symbol.${symbol}`) });
      return html`<li class=${paid?.symbol === symbol && paid.reels === count ? 'hit' : ''}>
        ${Array.from(
          { length: count },
          (_, i) => html`<img src=${asset(`img/${symbol}.svg`)} alt=${i === 0 ? name : ''} width="24" height="24" />`,
        )}
        ${count === 2 ? html`<span class="any">${t('slots.any')}</span>` : nothing}<b>×${num(multiplier)}</b>
      </li>`;
    })}
  </ul>`;
}
