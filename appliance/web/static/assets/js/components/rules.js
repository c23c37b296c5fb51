// The rules of a game: what its page of rules shows, and what opens beside its table. All figures come from the casino's
// rule sheet, which computes them from the rules.
import { h, asset } from '../app/dom.js';
import { html } from '../app/html.js';
import { t, has, num, percent, decimal, inWords } from '../app/i18n.js';
import { game } from '../app/store.js';
import { navigate } from '../app/navigation.js';
import { GAMES, tableLimits } from '../games/list.js';
import { icon } from './icons.js';

/**
 * How the game is played, what it pays, how often, and what it returns.
 * @param {string} name
 * @returns {Promise<Node[]>}
 */
export async function gameRules(name) {
  const info = await game(name);
  const { sheet } = info;
  const { figures } = sheet;
  // The casino states the rules, in every language. The strips of the reels are drawn instead.
  const more = await GAMES[name]?.rules?.();
  const sentences = sheet.text
    .filter((/** @type {import('../app/types.js').Rule} */ rule) => !rule.id.startsWith('slots/strip_'))
    .map(inWords);
  if (name === 'slots') sentences.push(t('rules.spin_shown'));
  const parts = [
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
    more,
  ];
  return parts.filter((part) => part instanceof Node);
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

/** Where there is room beside the table; elsewhere the rules lie over it. */
const ROOM = '(min-width: 1200px) and (min-height: 501px)';

/** The rules that are open, unless their page is gone. @type {HTMLElement|null} */
let drawer = null;
let opening = false;

/**
 * A link to the rules of a game. Pressed plainly, it opens them beside the table, and closes them again.
 * @param {string} name
 */
export function rulesLink(name) {
  const press = (/** @type {MouseEvent} */ event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (drawer?.isConnected) shut();
    else void open(name, /** @type {HTMLElement} */ (event.currentTarget));
  };
  return html`<a class="rules-link" href=${`/rules/${name}`} @click=${press}>${t('bet.rules')}</a>`;
}

let shut = () => {};

/** @param {string} name @param {HTMLElement} link it gets the focus back */
async function open(name, link) {
  if (opening) return;
  opening = true;
  /** @type {Node[]} */
  let rules;
  try {
    rules = await gameRules(name);
  } catch {
    void navigate(`/rules/${name}`); // that page says what is wrong, and tries again
    return;
  } finally {
    opening = false;
  }
  if (!link.isConnected) return;
  const beside = matchMedia(ROOM).matches;
  const box = h(
    beside ? 'section' : 'dialog',
    { class: 'rules-drawer', role: beside ? 'dialog' : undefined, 'aria-labelledby': 'rules-title' },
    h('h2', { id: 'rules-title', tabindex: '-1' }, t('rules.of', { game: t(`game.${name}`) })),
    h(
      'button',
      { class: 'button icon slim close', type: 'button', 'aria-label': t('action.close'), onclick: () => shut() },
      icon('close'),
    ),
    h('div', { class: 'stack' }, rules),
  );
  /** @param {KeyboardEvent} event */
  const escape = (event) => {
    if (!box.isConnected) document.removeEventListener('keydown', escape);
    else if (event.key === 'Escape' && !document.querySelector('dialog[open], :popover-open')) shut();
  };
  const gone = () => {
    document.removeEventListener('keydown', escape);
    box.remove();
    if (link.isConnected) link.focus({ preventScroll: true });
  };
  drawer = box;
  // Part of the page, so that it goes with it.
  /** @type {HTMLElement} */ (document.getElementById('main')).append(box);
  if (box instanceof HTMLDialogElement) {
    shut = () => box.close();
    box.addEventListener('close', gone);
    box.addEventListener('click', (event) => {
      if (event.target === box) box.close();
    });
    box.showModal();
  } else {
    shut = gone;
    document.addEventListener('keydown', escape);
    // Who reads the rules doesn't mean the keys of the game.
    box.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') event.stopPropagation();
    });
  }
  box.querySelector('h2')?.focus({ preventScroll: true });
}
