// Roulette.
import { h, announce, reducedMotion } from '../../app/dom.js';
import { t, coins, percent } from '../../app/i18n.js';
import { icon } from '../../components/icons.js';
import { state, game } from '../../app/store.js';
import { CHIPS, chipName } from '../../components/chip.js';
import { shield } from '../../components/shield.js';
import { recentStrip } from '../../components/recent.js';
import { tableLimits } from '../list.js';
import { Layout, SPOT, colour } from './bets.js';
import { Table, spotName } from './table.js';
import { Wheel } from './wheel.js';
import { Racetrack } from './racetrack.js';
import { on as listen } from '../../app/events.js';
import { play, prepare, refocus, cameTo } from '../playing.js';
import { sound } from '../../app/sound.js';

const MOST_BETS = 100;

/**
 * What lies on the table: chips, or the result of the last spin until the next chip. It outlives redraws of the page.
 * @type {{layout: Layout, chip: number, erasing: boolean, shown: {laid: Map<string, number>, answer: import('../../app/types.js').RouletteSpin}|null}}
 */
let on = { layout: new Layout(), chip: 5, erasing: false, shown: null };

/** @returns {Promise<import('../../app/routes.js').Page>} */
export default async function roulette() {
  on = { layout: new Layout(), chip: 5, erasing: false, shown: null };
  const info = await game('roulette');
  const highestBet = info.max_bet ?? info.max_stake; // on one spot
  const { layout } = on;
  let spinning = false;
  /** @type {import('../../app/types.js').Round|null} */
  let last = on.shown?.answer.round ?? null;

  const outcome = h('p', { class: 'outcome', id: 'outcome' }, t('roulette.place'));
  const look = h('p', { class: 'look', 'aria-hidden': 'true' });
  const numbers = h('ol', {
    class: 'numbers',
    'aria-label': t('roulette.last'),
  });
  const wheel = new Wheel();
  const table = new Table({
    place: (spot) => put([{ spot, amount: on.chip }]),
    take: (spot) => take([{ spot, amount: on.chip }]),
    spin: () => {
      void spin();
    },
    look: (spot) => {
      look.textContent = spot ? spotName(spot, layout.coins.get(spot.id) ?? 0) : '';
    },
  });
  const track = new Racetrack({
    place: (call) => put(call.map((c) => ({ spot: c.spot, amount: c.chips * on.chip }))),
    look: (lit, words) => {
      table.lightNumbers(lit);
      look.textContent = words;
    },
    chip: () => on.chip,
  });
  const strip = recentStrip('roulette');

  /** @type {[string, string, () => void][]} */
  const tools = [
    ['undo', 'undo', () => layout.undo()],
    ['clear', 'clear', () => layout.clear()],
    ['repeat', 'repeat', () => layout.repeat()],
    ['double', '', () => double()],
  ];
  const buttons = Object.fromEntries(
    tools.map(([name, picture, act]) => [
      name,
      h(
        'button',
        {
          class: 'tool',
          type: 'button',
          'data-tool': name,
          onclick: (/** @type {Event} */ event) => {
            fresh();
            act();
            redraw();
            tellTotal();
            refocus(
              /** @type {Element} */ (event.currentTarget),
              ...tools.map(([other]) => buttons[other]),
              chipRow.querySelector('button'),
            );
          },
        },
        picture ? icon(picture) : h('b', { 'aria-hidden': 'true' }, '2×'),
        h('span', null, t(`roulette.${name}`)),
      ),
    ]),
  );
  const total = h('p', { class: 'what' });
  const go = h('button', {
    class: 'button primary wide go',
    id: 'spin',
    type: 'button',
    onclick: () => {
      void spin();
    },
  });
  const chipRow = h(
    'div',
    { class: 'chips', role: 'group', 'aria-label': t('bet.chips') },
    CHIPS.map((c) =>
      h(
        'button',
        {
          type: 'button',
          'aria-label': chipName(c),
          'data-chip': c,
          onclick: () => {
            on.chip = c;
            on.erasing = false;
            sound.play('chip');
            markChip();
          },
        },
        h('im-chip', { amount: c }),
      ),
    ),
    h(
      'button',
      {
        type: 'button',
        class: 'eraser',
        'aria-label': t('roulette.eraser'),
        title: t('roulette.eraser'),
        onclick: () => {
          on.erasing = !on.erasing;
          markChip();
        },
      },
      icon('eraser'),
    ),
  );
  markChip();
  const skip = h(
    'button',
    {
      class: 'button slim skip-run',
      type: 'button',
      hidden: true,
      onclick: () => wheel.skip(),
    },
    t('action.skip'),
  );

  const panel = h(
    'section',
    { class: 'betting panel', 'aria-label': t('bet.panel') },
    h(
      'div',
      { class: 'headline' },
      h('strong', null, t('game.roulette')),
      shield(() => last),
    ),
    total,
    chipRow,
    h('div', { class: 'tools' }, Object.values(buttons)),
    go,
    h(
      'div',
      { class: 'small-print' },
      h(
        'div',
        { class: 'facts-line' },
        h('span', null, tableLimits(info)),
        h(
          'span',
          null,
          t('bet.return', {
            share: percent(info.sheet.figures.return_decimal),
          }),
        ),
      ),
      h('div', { class: 'facts-line keys' }, h('span', { id: 'table-keys' }, t('roulette.keys'))),
      h('div', { class: 'facts-line' }, h('a', { href: '/rules/roulette' }, t('bet.rules'))),
    ),
  );
  const wheelBox = h('div', { class: 'wheel-box' }, wheel.element, skip);
  const stage = h(
    'div',
    { class: 'stage roulette' },
    h(
      'div',
      { class: 'salon' },
      wheelBox,
      h(
        'div',
        { class: 'board' },
        outcome,
        h('div', { class: 'fallen-before' }, h('h2', null, t('roulette.last')), numbers),
      ),
      h('div', { class: 'track-box cloth-box' }, track.element),
      h('div', { class: 'table-box cloth-box' }, look, table.element),
    ),
  );

  function markChip() {
    for (const b of chipRow.children)
      b.setAttribute(
        'aria-pressed',
        String(
          b.classList.contains('eraser')
            ? on.erasing
            : !on.erasing && Number(/** @type {HTMLElement} */ (b).dataset.chip) === on.chip,
        ),
      );
  }

  /** Clears the result of the last spin. */
  function fresh() {
    if (!on.shown) return;
    on.shown = null;
    stage.classList.remove('told');
    table.mark(null);
    outcome.classList.remove('won');
    outcome.textContent = t('roulette.place');
    table.lay(new Map());
  }

  /** @param {{spot: string, amount: number}[]} bets */
  function put(bets) {
    if (spinning) return;
    if (on.erasing) {
      take(bets);
      return;
    }
    fresh();
    const spots = new Set([...layout.coins.keys(), ...bets.map((b) => b.spot)]);
    const sum = layout.total + bets.reduce((a, b) => a + b.amount, 0);
    if (spots.size > MOST_BETS) {
      say(t('roulette.too_many'));
      return;
    }
    if (sum > info.max_stake) {
      say(t('roulette.over_limit', { max: coins(info.max_stake) }));
      return;
    }
    if (layout.highest(bets) > highestBet) {
      say(t('roulette.over_position', { max: coins(highestBet) }));
      return;
    }
    layout.put(bets);
    sound.play('chip');
    redraw();
    const spot = bets.length === 1 ? SPOT.get(bets[0].spot) : null;
    announce(
      spot ? spotName(spot, layout.coins.get(spot.id) ?? 0) : t('roulette.total', { coins: coins(layout.total) }),
    );
  }

  function double() {
    if (layout.total * 2 > info.max_stake) {
      say(t('roulette.over_limit', { max: coins(info.max_stake) }));
      return;
    }
    if (layout.highest() * 2 > highestBet) {
      say(t('roulette.over_position', { max: coins(highestBet) }));
      return;
    }
    layout.double();
  }

  /** @param {{spot: string, amount: number}[]} bets */
  function take(bets) {
    if (spinning || on.shown) return;
    if (!bets.filter(({ spot, amount }) => layout.take(spot, amount)).length) return;
    sound.play('chip');
    redraw();
    const spot = bets.length === 1 ? SPOT.get(bets[0].spot) : null;
    announce(
      spot ? spotName(spot, layout.coins.get(spot.id) ?? 0) : t('roulette.total', { coins: coins(layout.total) }),
    );
  }

  function tellTotal() {
    announce(t('roulette.total', { coins: coins(layout.total) }));
  }
  /** @param {string} words */
  function say(words) {
    outcome.textContent = words;
    announce(words);
  }

  function redraw() {
    if (!on.shown) table.lay(layout.coins);
    const sum = layout.total;
    total.textContent = sum
      ? `${t('roulette.total', { coins: coins(sum) })} · ${t('bet.could_win', { coins: coins(layout.best()) })}`
      : t('roulette.empty');
    go.textContent = !info.enabled
      ? t('bet.disabled')
      : sum
        ? t('roulette.spin_for', { coins: coins(sum) })
        : t('roulette.spin');
    go.disabled = spinning || !info.enabled || sum < info.min_stake;
    for (const [name, button] of Object.entries(buttons))
      button.disabled =
        spinning || (name === 'undo' ? !layout.canUndo : name === 'repeat' ? !layout.last.size : !layout.coins.size);
    chipRow.inert = spinning;
  }

  /** @param {number} pocket */
  function addNumber(pocket) {
    numbers.prepend(h('li', { class: `ball-number ${colour(pocket)}` }, pocket));
    while (numbers.children.length > 12) numbers.lastElementChild?.remove();
  }

  /**
   * @param {import('../../app/types.js').RouletteSpin} answer
   * @param {boolean} [again] it was announced before, in another language
   */
  function tell(answer, again = false) {
    last = answer.round;
    const won = answer.payout > answer.round.staked;
    const color = t(`color.${answer.color}`);
    outcome.replaceChildren(
      h('span', { class: `ball-number ${answer.color}` }, answer.pocket),
      h('span', null, `${color}. `),
      h('span', null, cameTo(answer.round)),
    );
    outcome.classList.toggle('won', won);
    stage.classList.add('told');
    table.mark(answer.pocket);
    if (again) return;
    announce(`${t('roulette.fell', { n: answer.pocket, color })} ${cameTo(answer.round)}`);
    addNumber(answer.pocket);
    strip.add(answer.round);
    if (won) sound.play('win');
  }

  async function spin() {
    if (spinning || go.disabled || on.shown) return;
    if (!state.account) {
      await play('', {}, { show: async () => {}, refused: () => {} });
      return;
    }
    spinning = true;
    const had = document.activeElement;
    const laid = new Map(layout.coins);
    redraw();
    outcome.classList.remove('won');
    outcome.textContent = t('roulette.rolling');
    wheelBox.scrollIntoView({
      block: 'nearest',
      behavior: reducedMotion() ? 'auto' : 'smooth',
    });
    try {
      await play(
        '/games/roulette/spins',
        { bets: layout.bets() },
        {
          show: async (/** @type {import('../../app/types.js').RouletteSpin} */ answer) => {
            skip.hidden = false;
            await wheel.run(answer.pocket);
            skip.hidden = true;
            layout.spun();
            on.shown = { laid, answer };
            layResult();
            tell(answer);
          },
          refused: (words, body) => {
            outcome.replaceChildren(body);
            announce(words);
          },
        },
      );
    } finally {
      spinning = false;
      skip.hidden = true;
      redraw();
      if (had !== document.body) refocus(had, buttons.repeat, go);
    }
  }

  /** Draws the chips of the last spin, winners apart from losers. */
  function layResult() {
    if (on.shown) {
      const { laid, answer } = on.shown;
      table.lay(laid, (id) => SPOT.get(id)?.covers.includes(answer.pocket) ?? false);
    }
  }

  /** @param {any} event */
  function resumed(event) {
    const answer = event;
    if (answer?.round?.game !== 'roulette') return;
    wheel.show(answer.pocket);
    tell(answer);
  }
  const off_resumed = listen('resumed', resumed);
  if (on.shown) {
    wheel.show(on.shown.answer.pocket);
    layResult();
    tell(on.shown.answer, true);
  }
  redraw();
  prepare();
  void strip
    .load()
    .then((rounds) => {
      for (const round of [...rounds].reverse()) addNumber(round.outcome.pocket);
      if (rounds[0] && !last) {
        last = rounds[0];
        if (!spinning) wheel.show(rounds[0].outcome.pocket);
      }
    })
    .catch(() => {}); // the strip stays empty; the banner reports the lost connection

  return {
    title: t('game.roulette'),
    body: h(
      'div',
      { class: 'game' },
      h('h1', null, t('game.roulette')),
      h('div', { class: 'play' }, panel, stage),
      strip.element,
    ),
    leave() {
      wheel.skip();
      off_resumed();
    },
  };
}
