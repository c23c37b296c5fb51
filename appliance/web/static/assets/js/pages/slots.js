// Cherry Charm.
import { h, asset, announce, reducedMotion } from '../dom.js';
import { t, num, coins, percent } from '../i18n.js';
import { state, game, changes } from '../store.js';
import { Drum, STRIPS, LANDING } from '../games/drum.js';
import { play, prepare, redrawn, measured, refocus, cameTo } from '../games/playing.js';
import { Stake } from '../components/stake.js';
import { shield } from '../components/shield.js';
import { recentStrip } from '../components/recent.js';
import { sound } from '../sound.js';

/** A cycle takes at least this long: a rule of the machine, not a matter of taste. */
const CYCLE = 2500;
/** When the first reel rests, at the earliest, and the delay of each next one, in milliseconds. */
const FIRST = 2300;
const NEXT = 350;

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** The last spin, for redraws of the page. @type {import('../types.js').SlotsSpin|null} */
let shown = null;

/** @param {string} path @returns {Promise<import('../router.js').Page>} */
export default async function slots(path) {
  if (!await redrawn(path)) shown = null;
  const info = await game('slots');
  const drums = STRIPS.map((_, reel) => new Drum(reel, [15, 23, 23][reel]));
  /** @type {import('../types.js').Round|null} */
  let last = shown?.round ?? null;
  let spinning = false;

  const outcome = h('p', { class: 'outcome', id: 'outcome' }, t('slots.ready'));
  const machine = h('div', { class: 'machine' },
    h('p', { class: 'sign' }, h('img', { src: asset('img/laurel.svg'), alt: '', width: 30, height: 30 }), 'Cherry Charm', h('img', { src: asset('img/laurel.svg'), alt: '', width: 30, height: 30 })),
    h('div', { class: 'window', 'aria-hidden': 'true' }, drums.map((d) => d.element), h('div', { class: 'payline' })),
    h('div', { class: 'plate' }, outcome), h('div', { class: 'feet' }));
  const pays = payTable(info.sheet.pays);
  const strip = recentStrip('slots');

  const stake = new Stake();
  const could = h('p', { class: 'what' });
  const best = Math.max(...info.sheet.pays.map((/** @type {any} */ p) => p.multiplier));
  stake.addEventListener('stake', () => { could.textContent = t('bet.could_win', { coins: coins(stake.value * best) }); });
  stake.setup({ game: 'slots', min: info.min_stake, max: info.max_stake, value: Math.max(info.min_stake, 5) });
  const go = h('button', { class: 'button primary wide go', id: 'spin', type: 'button', disabled: !info.enabled, onclick: () => { void spin(); } }, t(info.enabled ? 'slots.spin' : 'bet.disabled'));
  const panel = measured(h('section', { class: 'betting panel', 'aria-label': t('bet.panel') },
    h('div', { class: 'headline' }, h('strong', null, t('game.slots')), shield(() => last)), could, stake, go,
    h('div', { class: 'small-print' }, h('div', { class: 'facts-line' }, h('span', null, t('bet.limits', { min: num(info.min_stake), max: num(info.max_stake) })),
      h('span', null, t('bet.return', { share: percent(info.sheet.figures.return_decimal) }))),
    h('div', { class: 'facts-line' }, h('span', { class: 'keys' }, t('slots.space')), h('a', { href: '/rules/slots' }, t('bet.rules'))))));

  /** @param {import('../types.js').SlotsSpin} answer @param {number} started */
  async function show(answer, started) {
    last = answer.round;
    if (!reducedMotion()) await wait(Math.max(0, started + FIRST - LANDING - performance.now()));
    const first = Math.max(started + FIRST, performance.now() + LANDING);
    // Reels get their stops one after the other: all at once would not fit into one frame.
    await Promise.all(drums.map(async (drum, reel) => {
      if (!reducedMotion()) await wait(reel * (NEXT - 100));
      await drum.land(answer.stops[reel], first + reel * NEXT);
      sound.play('reel');
    }));
    await wait(Math.max(0, started + CYCLE - performance.now()));
    stake.played(answer.round.staked);
    tell(answer);
  }

  /** @param {import('../types.js').SlotsSpin} answer @param {boolean} [again] it was announced before, in another language */
  function tell(answer, again = false) {
    shown = answer;
    const won = answer.payout > answer.round.staked; // a payout up to the stake doesn't count as a win
    machine.classList.toggle('won', won);
    outcome.classList.toggle('won', won);
    const words = cameTo(answer.round);
    outcome.textContent = words;
    if (answer.payout > 0) {
      const same = answer.symbols[2] === answer.symbols[0] ? 3 : 2;
      drums.slice(0, same).forEach((d) => d.element.classList.add('hit'));
      pays.mark(answer.symbols[0], same);
    }
    if (again) return;
    announce(`${answer.symbols.map((name) => t(`symbol.${name}`)).join(', ')}. ${words}`);
    if (won) sound.play('win');
    strip.add(answer.round);
  }

  async function spin() {
    if (spinning || !info.enabled) return;
    const had = document.activeElement;
    spinning = true;
    shown = null;
    go.disabled = true;
    stake.disabled = true;
    machine.classList.remove('won');
    outcome.classList.remove('won');
    outcome.textContent = t('slots.spinning');
    pays.mark('', 0);
    machine.scrollIntoView({ block: 'nearest', behavior: reducedMotion() ? 'auto' : 'smooth' });
    const started = performance.now();
    if (state.account) drums.forEach((d) => d.spin());
    const before = drums.map((d) => Math.round(d.angle / 22.5) + 15);
    try {
      await play('/games/slots/spins', { stake: stake.value }, {
        show: (/** @type {import('../types.js').SlotsSpin} */ answer) => show(answer, started),
        refused: (words, body) => {
          outcome.replaceChildren(body);
          announce(words);
          drums.forEach((d, reel) => { void d.land(before[reel]); });
        },
      });
    } finally {
      spinning = false;
      go.disabled = false;
      stake.disabled = false;
      if (had !== document.body) refocus(had, go);
    }
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.code !== 'Space' || event.repeat || target.closest('button, a, input, select, dialog, [popover]')) return;
    event.preventDefault();
    void spin();
  }
  document.addEventListener('keydown', key);

  /** A spin that a reload interrupted is shown where it stopped. @param {Event} event */
  function resumed(event) {
    const answer = /** @type {CustomEvent} */ (event).detail;
    if (answer?.round?.game !== 'slots') return;
    last = answer.round;
    drums.forEach((d, reel) => { void d.land(answer.stops[reel]); });
    tell(answer);
  }
  changes.addEventListener('resumed', resumed);

  const before = shown;
  if (before) {
    drums.forEach((d, reel) => { void d.land(before.stops[reel]); });
    tell(before, true);
  }
  prepare();
  void strip.load().then((rounds) => {
    if (rounds[0] && !last) {
      last = rounds[0];
      if (!spinning) drums.forEach((d, reel) => { void d.land(rounds[0].outcome.stops[reel]); });
    }
  }).catch(() => {}); // the strip stays empty; the banner reports the lost connection

  return {
    title: t('game.slots'),
    body: h('div', { class: 'game' }, h('h1', null, t('game.slots')), panel, h('div', { class: 'stage' }, machine, pays.element), strip.element),
    leave() { document.removeEventListener('keydown', key); changes.removeEventListener('resumed', resumed); },
  };
}

/** The pay table under the machine. @param {{name: string, multiplier: number}[]} lines such as "3 cherries" */
function payTable(lines) {
  /** @type {Map<string, HTMLElement>} */
  const rows = new Map();
  const element = h('ul', { class: 'paytable', 'aria-label': t('rules.pays') }, lines.map((line) => {
    const count = Number(line.name[0]);
    const symbol = { c: 'cherry', a: 'apple', b: 'banana', l: 'lemon' }[line.name.split(' ')[1]?.[0] ?? ''] ?? 'lemon';
    const row = h('li', null, Array.from({ length: count }, (_, i) => h('img', { src: asset(`img/${symbol}.svg`), alt: i === 0 ? t('slots.line', { count, symbol: t(`symbol.${symbol}`) }) : '', width: 24, height: 24 })),
      count === 2 && h('span', { class: 'any' }, t('slots.any')), h('b', null, `×${num(line.multiplier)}`));
    rows.set(`${symbol}${count}`, row);
    return row;
  }));
  return {
    element,
    /** @param {string} symbol @param {number} count */
    mark(symbol, count) { rows.forEach((row, key) => row.classList.toggle('hit', key === `${symbol}${count}`)); },
  };
}
