// Roulette.
import { h, announce } from '../dom.js';
import { t, num, coins, percent } from '../i18n.js';
import { icon } from '../icons.js';
import { state, game, changes } from '../store.js';
import { CHIPS, chipName } from '../components/chip.js';
import { shield } from '../components/shield.js';
import { recentStrip } from '../components/recent.js';
import { Layout, SPOT, colour } from '../games/roulette/bets.js';
import { Table, spotName } from '../games/roulette/table.js';
import { Wheel } from '../games/roulette/wheel.js';
import { Racetrack } from '../games/roulette/racetrack.js';
import { play, prepare } from '../games/playing.js';
import { sound } from '../sound.js';

const MOST_BETS = 100;

/** @returns {Promise<import('../router.js').Page>} */
export default async function roulette() {
  const info = await game('roulette');
  const layout = new Layout();
  let chip = 5;
  let spinning = false;
  /** The result of the last spin lies on the table until the next chip. */
  let shown = false;
  /** @type {import('../types.js').Round|null} */
  let last = null;

  const outcome = h('p', { class: 'outcome', id: 'outcome' }, t('roulette.place'));
  const look = h('p', { class: 'look', 'aria-hidden': 'true' });
  const numbers = h('ol', { class: 'numbers', 'aria-label': t('roulette.last') });
  const wheel = new Wheel();
  const table = new Table({ place: (spot) => put([{ spot, amount: chip }]), take, spin: () => { void spin(); }, look: (spot) => { look.textContent = spot ? spotName(spot, layout.coins.get(spot.id) ?? 0) : ''; } });
  const track = new Racetrack({ place: (call) => put(call.map((c) => ({ spot: c.spot, amount: c.chips * chip }))), look: (lit, words) => { table.lightNumbers(lit); look.textContent = words; }, chip: () => chip });
  const strip = recentStrip('roulette');

  /** @type {[string, string, () => void][]} */
  const tools = [['undo', 'undo', () => layout.undo()], ['clear', 'clear', () => layout.clear()], ['repeat', 'repeat', () => layout.repeat()], ['double', '', () => double()]];
  const buttons = Object.fromEntries(tools.map(([name, picture, act]) => [name,
    h('button', { class: 'tool', type: 'button', 'data-tool': name, onclick: () => { fresh(); act(); redraw(); tellTotal(); } }, picture ? icon(picture) : h('b', { 'aria-hidden': 'true' }, '2×'), h('span', null, t(`roulette.${name}`)))]));
  const total = h('p', { class: 'what' });
  const go = h('button', { class: 'button primary wide go', id: 'spin', type: 'button', onclick: () => { void spin(); } });
  const chipRow = h('div', { class: 'chips', role: 'group', 'aria-label': t('bet.chips') }, CHIPS.map((c) =>
    h('button', { type: 'button', 'aria-label': chipName(c), 'data-chip': c, 'aria-pressed': String(c === chip), onclick: () => { chip = c; sound.play('chip'); markChip(); } }, h('im-chip', { amount: c }))));
  const skip = h('button', { class: 'button slim skip-run', type: 'button', hidden: true, onclick: () => wheel.skip() }, t('action.skip'));

  const panel = h('section', { class: 'betting panel', 'aria-label': t('bet.panel') },
    h('div', { class: 'headline' }, h('strong', null, t('game.roulette')), shield(() => last)), total, chipRow, h('div', { class: 'tools' }, Object.values(buttons)), go,
    h('div', { class: 'facts-line' }, h('span', null, t('bet.limits', { min: num(info.min_stake), max: num(info.max_stake) })), h('span', null, t('bet.return', { share: percent(info.sheet.figures.return_decimal) }))),
    h('div', { class: 'facts-line' }, h('span', { id: 'table-keys' }, t('roulette.keys'))),
    h('div', { class: 'facts-line' }, h('a', { href: '/rules/roulette' }, t('bet.rules'))));
  const stage = h('div', { class: 'stage roulette' },
    h('div', { class: 'top-row' }, h('div', { class: 'wheel-box' }, wheel.element, skip), h('div', { class: 'board' }, outcome, h('h2', null, t('roulette.last')), numbers)),
    h('div', { class: 'table-box' }, table.element, look, track.element));

  function markChip() { for (const b of chipRow.children) b.setAttribute('aria-pressed', String(Number(/** @type {HTMLElement} */ (b).dataset.chip) === chip)); }

  /** The first touch after a spin clears away its result. */
  function fresh() {
    if (!shown) return;
    shown = false;
    table.mark(null);
    outcome.classList.remove('won');
    outcome.textContent = t('roulette.place');
    table.lay(new Map());
  }

  /** @param {{spot: string, amount: number}[]} bets */
  function put(bets) {
    if (spinning) return;
    fresh();
    const spots = new Set([...layout.coins.keys(), ...bets.map((b) => b.spot)]);
    const sum = layout.total + bets.reduce((a, b) => a + b.amount, 0);
    if (spots.size > MOST_BETS) { say(t('roulette.too_many')); return; }
    if (sum > info.max_stake) { say(t('roulette.over_limit', { max: coins(info.max_stake) })); return; }
    layout.put(bets);
    sound.play('chip');
    redraw();
    const spot = bets.length === 1 ? SPOT.get(bets[0].spot) : null;
    announce(spot ? spotName(spot, layout.coins.get(spot.id) ?? 0) : t('roulette.total', { coins: coins(layout.total) }));
  }

  function double() {
    if (layout.total * 2 > info.max_stake) { say(t('roulette.over_limit', { max: coins(info.max_stake) })); return; }
    layout.double();
  }

  /** @param {string} spot */
  function take(spot) {
    if (spinning || shown) return;
    if (layout.take(spot, chip)) { sound.play('chip'); redraw(); announce(spotName(/** @type {any} */ (SPOT.get(spot)), layout.coins.get(spot) ?? 0)); }
  }

  function tellTotal() { announce(t('roulette.total', { coins: coins(layout.total) })); }
  /** @param {string} words */
  function say(words) { outcome.textContent = words; announce(words); }

  function redraw() {
    if (!shown) table.lay(layout.coins);
    const sum = layout.total;
    total.textContent = sum ? `${t('roulette.total', { coins: coins(sum) })} · ${t('bet.could_win', { coins: coins(layout.best()) })}` : t('roulette.empty');
    go.textContent = !info.enabled ? t('bet.disabled') : sum ? t('roulette.spin_for', { coins: coins(sum) }) : t('roulette.spin');
    go.disabled = spinning || !info.enabled || sum < info.min_stake;
    for (const [name, button] of Object.entries(buttons)) button.disabled = spinning || (name === 'undo' ? !layout.canUndo : name === 'repeat' ? !layout.last.size : !layout.coins.size);
    chipRow.inert = spinning;
  }

  /** @param {number} pocket */
  function addNumber(pocket) {
    numbers.prepend(h('li', { class: `ball-number ${colour(pocket)}` }, pocket));
    while (numbers.children.length > 12) numbers.lastElementChild?.remove();
  }

  /** @param {import('../types.js').RouletteSpin} answer */
  function tell(answer) {
    last = answer.round;
    const won = answer.payout > answer.round.staked;
    const place = t('roulette.fell', { n: answer.pocket, color: t(`color.${answer.color}`) });
    const words = `${place} ${answer.payout === 0 ? t('roulette.nothing') : won ? t('roulette.won', { coins: coins(answer.payout) }) : t('roulette.back', { coins: coins(answer.payout) })}`;
    outcome.replaceChildren(h('span', { class: `ball-number ${answer.color}`, 'aria-hidden': 'true' }, answer.pocket), h('span', null, words));
    outcome.classList.toggle('won', won);
    announce(words);
    table.mark(answer.pocket);
    addNumber(answer.pocket);
    strip.add(answer.round);
    if (won) sound.play('win');
  }

  async function spin() {
    if (spinning || go.disabled || shown) return;
    if (!state.account) { await play('', {}, { show: async () => {}, refused: () => {} }); return; }
    spinning = true;
    const laid = new Map(layout.coins);
    redraw();
    outcome.classList.remove('won');
    outcome.textContent = t('roulette.rolling');
    if (stage.getBoundingClientRect().top < 0) wheel.element.scrollIntoView({ block: 'center', behavior: 'smooth' });
    try {
      await play('/games/roulette/spins', { bets: layout.bets() }, {
        show: async (/** @type {import('../types.js').RouletteSpin} */ answer) => {
          skip.hidden = false;
          await wheel.run(answer.pocket);
          skip.hidden = true;
          layout.spun();
          shown = true;
          table.lay(laid, (id) => SPOT.get(id)?.covers.includes(answer.pocket) ?? false);
          tell(answer);
        },
        refused: (words, body) => { outcome.replaceChildren(body); announce(words); },
      });
    } finally {
      spinning = false;
      skip.hidden = true;
      redraw();
    }
  }

  /** @param {Event} event */
  function resumed(event) {
    const answer = /** @type {CustomEvent} */ (event).detail;
    if (answer?.round?.game !== 'roulette') return;
    wheel.show(answer.pocket);
    tell(answer);
  }
  changes.addEventListener('resumed', resumed);
  redraw();
  prepare();
  void strip.load().then((rounds) => {
    for (const round of [...rounds].reverse()) addNumber(round.outcome.pocket);
    if (rounds[0] && !last) { last = rounds[0]; if (!spinning) wheel.show(rounds[0].outcome.pocket); }
  }).catch(() => {}); // the strip stays empty; the banner tells of the connection

  return {
    title: t('game.roulette'),
    body: h('div', { class: 'game' }, h('h1', null, t('game.roulette')), panel, stage, strip.element),
    leave() { wheel.skip(); changes.removeEventListener('resumed', resumed); },
  };
}
