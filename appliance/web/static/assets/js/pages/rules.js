// The rules of each game, with pays, exact returns and chances. All figures come from the
// casino's rule sheet, which computes them from the rules.
import { h, asset } from '../app/dom.js';
import { t, has, num, percent, decimal, inWords } from '../app/i18n.js';
import { icon } from '../components/icons.js';
import { games, game, rulesOf } from '../app/store.js';
import { STRIPS } from '../games/slots/drum.js';
import { tableLimits } from '../games/list.js';

/**
 * The published basic strategy, as docs/GAMES.md has it: a hand, and what to do when the dealer shows 2 to 10 or an
 * ace.
 */
const STRATEGY = `
hard 17  S S S S S S S S S S
hard 16  S S S S S H H R R R
hard 15  S S S S S H H H R H
hard 14  S S S S S H H H H H
hard 13  S S S S S H H H H H
hard 12  H H S S S H H H H H
hard 11  D D D D D D D D D H
hard 10  D D D D D D D D H H
hard 9   H D D D D H H H H H
hard 8   H H H H H H H H H H
soft 19  S S S S S S S S S S
soft 18  S d d d d S S H H H
soft 17  H D D D D H H H H H
soft 16  H H D D D H H H H H
soft 15  H H D D D H H H H H
soft 14  H H H D D H H H H H
soft 13  H H H D D H H H H H
pair A   P P P P P P P P P P
pair 9   P P P P P - P P - -
pair 8   P P P P P P P P P P
pair 7   P P P P P P - - - -
pair 6   P P P P P - - - - -
pair 4   - - - P P - - - - -
pair 3   P P P P P P - - - -
pair 2   P P P P P P - - - -
`;

/** @param {string} path @returns {Promise<import('../app/routes.js').Page>} */
export default async function rules(path) {
  const name = path.split('/')[2];
  return name ? onePage(name) : overview();
}

/** @returns {Promise<import('../app/routes.js').Page>} */
async function overview() {
  const list = await games();
  const common = await rulesOf('house');
  return {
    title: t('nav.rules'),
    body: h(
      'div',
      { class: 'reading stack' },
      h('h1', null, t('nav.rules')),
      h('p', { class: 'lede' }, t('rules.lede')),
      h(
        'ul',
        { class: 'rule-list' },
        list.map((g) =>
          h(
            'li',
            null,
            h(
              'a',
              { class: 'panel', href: `/rules/${g.game}` },
              icon(g.game),
              h(
                'span',
                null,
                h('strong', null, t(`game.${g.game}`)),
                h(
                  'span',
                  { class: 'quiet small' },
                  g.sheet?.figures
                    ? t('bet.return', {
                        share: percent(g.sheet.figures.return_decimal),
                      })
                    : '',
                ),
              ),
            ),
          ),
        ),
      ),
      h(
        'section',
        { class: 'panel' },
        h('h2', null, t('rules.common')),
        h(
          'ul',
          null,
          common.map((rule) => h('li', null, inWords(rule))),
        ),
      ),
      h('p', { class: 'note' }, t('play_money')),
    ),
  };
}

/** @param {string} name @returns {Promise<import('../app/routes.js').Page>} */
async function onePage(name) {
  const info = await game(name);
  const sheet = info.sheet;
  const figures = sheet.figures;
  // The rules come from the casino, in every language. The strips of the reels are drawn below instead.
  const sentences = sheet.text
    .filter((/** @type {import('../app/types.js').Rule} */ rule) => !rule.id.startsWith('slots/strip_'))
    .map(inWords);
  if (name === 'slots') sentences.push(t('rules.spin_shown'));
  return {
    title: t('rules.of', { game: t(`game.${name}`) }),
    body: h(
      'div',
      { class: 'reading stack' },
      h('h1', null, t('rules.of', { game: t(`game.${name}`) })),
      h('p', { class: 'quiet' }, t('rules.version', { rules: info.rules }), ' · ', tableLimits(info)),
      h(
        'section',
        { class: 'panel' },
        h('h2', null, t('rules.how')),
        h(
          'ul',
          null,
          sentences.map((/** @type {string} */ x) => h('li', null, x)),
        ),
      ),
      figures &&
        h(
          'div',
          { class: 'tiles' },
          tile(t('rules.return'), percent(figures.return_decimal, 3), figures.return),
          tile(t('rules.edge'), percent(figures.house_edge_decimal, 3), figures.house_edge),
          name !== 'roulette' && tile(t('rules.hits'), percent(figures.hit_frequency_decimal), figures.hit_frequency),
          tile(t('rules.volatility'), decimal(figures.volatility, 2), ''),
        ),
      figures &&
        h(
          'p',
          { class: 'quiet small' },
          figures.return
            ? t('rules.exact')
            : [t('rules.simulated'), ' ', h('a', { href: '#strategy', onclick: openStrategy }, t('rules.strategy'))],
          name === 'roulette' && ` ${t('rules.worst')}`,
          figures.return_interval_99 ? ` ±${percent(figures.return_interval_99, 3)} (99 %).` : '',
        ),
      sheet.pays?.length && h('section', { class: 'panel' }, h('h2', null, t('rules.pays')), pays(name, sheet.pays)),
      name === 'slots' && strips(),
      name === 'blackjack' && strategy(),
      h(
        'div',
        { class: 'row' },
        h('a', { class: 'button primary', href: `/${name}` }, t('rules.play')),
        h('a', { class: 'button', href: '/fairness' }, t('nav.fairness')),
      ),
    ),
  };
}

/** @param {string} label @param {string} value @param {string|undefined} exact */
function tile(label, value, exact) {
  return h(
    'div',
    { class: 'tile panel' },
    h('span', { class: 'quiet small' }, label),
    h('strong', null, value),
    exact && h('span', { class: 'mono quiet' }, exact),
  );
}

/** @param {string} name @param {any[]} lines */
function pays(name, lines) {
  const chances = lines.some((l) => l.probability);
  const edges = lines.some((l) => l.figures);
  return h(
    'table',
    { class: 'table cards' },
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        h('th', { scope: 'col' }, t('rules.line')),
        h('th', { scope: 'col', class: 'num' }, t('rules.pay')),
        chances && h('th', { scope: 'col', class: 'num' }, t('rules.chance')),
        edges && h('th', { scope: 'col', class: 'num' }, t('rules.return')),
      ),
    ),
    h(
      'tbody',
      null,
      lines.map((l) =>
        h(
          'tr',
          null,
          h('td', { 'data-label': t('rules.line') }, lineName(name, l.name)),
          h(
            'td',
            { 'data-label': t('rules.pay'), class: 'num' },
            name === 'roulette' ? t('rules.to_one', { n: num(l.multiplier - 1) }) : `×${num(l.multiplier)}`,
          ),
          chances &&
            h(
              'td',
              { 'data-label': t('rules.chance'), class: 'num' },
              l.probability ? `${l.probability} · ${percent(l.probability_decimal)}` : '–',
            ),
          edges &&
            h(
              'td',
              { 'data-label': t('rules.return'), class: 'num' },
              l.figures ? percent(l.figures.return_decimal) : '–',
            ),
        ),
      ),
    ),
  );
}

/** @param {string} game @param {string} line as the sheet names it */
function lineName(game, line) {
  if (game === 'slots') {
    const count = Number(line[0]);
    const symbol = { c: 'cherry', a: 'apple', b: 'banana', l: 'lemon' }[line.split(' ')[1]?.[0] ?? ''] ?? 'lemon';
    return h(
      'span',
      { class: 'marks' },
      Array.from({ length: count }, (_, i) =>
        h('img', {
          src: asset(`img/${symbol}.svg`),
          alt: i ? '' : t('slots.line', { count, symbol: t(`symbol.${symbol}`) }),
          width: 26,
          height: 26,
        }),
      ),
    );
  }
  const key = game === 'roulette' ? `bet.${line}` : `pay.${line.toLowerCase().replaceAll(/[^a-z]+/g, '_')}`;
  return has(key) ? t(key, { n: '1–3' }) : line;
}

/** @param {Event} event */
function openStrategy(event) {
  event.preventDefault();
  const chart = /** @type {HTMLDetailsElement} */ (document.getElementById('strategy'));
  chart.open = true;
  chart.querySelector('summary')?.focus();
}

function strategy() {
  const lines = STRATEGY.trim()
    .split('\n')
    .map((line) => line.split(/\s+/));
  return h(
    'details',
    { class: 'panel', id: 'strategy' },
    h('summary', null, t('rules.strategy')),
    h('p', { class: 'quiet small' }, t('rules.strategy_text')),
    h(
      'table',
      { class: 'table chart-table' },
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('th', { scope: 'col' }, t('blackjack.your_hand')),
          [2, 3, 4, 5, 6, 7, 8, 9, 10, 'A'].map((up) => h('th', { scope: 'col' }, up)),
        ),
      ),
      h(
        'tbody',
        null,
        lines.map(([kind, n, ...plays]) =>
          h(
            'tr',
            null,
            h('th', { scope: 'row' }, t(`rules.${kind}`, { n })),
            plays.map((play) => h('td', { 'data-play': play }, play)),
          ),
        ),
      ),
    ),
  );
}

/** The strips of the reels, two stops for each symbol. */
function strips() {
  return h(
    'section',
    { class: 'panel' },
    h('h2', null, t('rules.strips')),
    h('p', { class: 'quiet' }, t('rules.strips_text')),
    h(
      'div',
      { class: 'strips' },
      STRIPS.map((strip, reel) =>
        h(
          'ol',
          { 'aria-label': t('rules.reel', { n: reel + 1 }) },
          strip.map((symbol, i) =>
            h(
              'li',
              null,
              h('span', { class: 'quiet small' }, `${15 + 2 * i}–${16 + 2 * i}`),
              h('img', {
                src: asset(`img/${symbol}.svg`),
                alt: t(`symbol.${symbol}`),
                width: 30,
                height: 30,
              }),
            ),
          ),
        ),
      ),
    ),
  );
}
