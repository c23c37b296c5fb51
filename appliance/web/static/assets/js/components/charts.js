// Two small charts, as SVG: the balance over the last transfers, and what each game took and gave.
import { s, h } from '../dom.js';
import { t, num } from '../i18n.js';

const HEIGHT = 170;
/** Narrow on phones, so that the words keep their size. */
const width = () => (innerWidth < 640 ? 320 : 560);

/** The balance over time, oldest first. @param {{time: string, balance_after: number}[]} points */
export function balanceChart(points) {
  const WIDTH = width();
  const values = points.map((p) => p.balance_after);
  const low = Math.min(...values);
  const high = Math.max(...values, low + 1);
  const x = (/** @type {number} */ i) => (i / Math.max(1, points.length - 1)) * (WIDTH - 60);
  const y = (/** @type {number} */ v) => 12 + (1 - (v - low) / (high - low)) * (HEIGHT - 32);
  const line = points.map((p, i) => `${x(i).toFixed(1)} ${y(p.balance_after).toFixed(1)}`).join('L');
  const last = values.at(-1) ?? 0;
  return s('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': t('chart.balance_label', { from: num(values[0] ?? 0), to: num(last), low: num(Math.min(...values)), high: num(Math.max(...values)) }) },
    s('line', { class: 'axis', x1: 0, x2: WIDTH - 60, y1: y(low), y2: y(low) }),
    s('path', { class: 'under', d: `M${line}L${x(points.length - 1).toFixed(1)} ${y(low)}L0 ${y(low)}Z` }), s('path', { class: 'net', d: `M${line}` }),
    s('text', { x: WIDTH - 52, y: Math.min(HEIGHT - 24, Math.max(16, y(last) + 4)) }, num(last)), s('text', { x: WIDTH - 52, y: HEIGHT - 20, 'data-low': '' }, Math.abs(y(last) - HEIGHT + 20) > 18 ? num(low) : ''), s('text', { x: 0, y: HEIGHT - 4 }, t('chart.oldest')), s('text', { x: WIDTH - 60, y: HEIGHT - 4, 'text-anchor': 'end' }, t('chart.newest')));
}

/** Staked and paid by game. @param {import('../types.js').GameStatistics[]} games */
export function gamesChart(games) {
  const WIDTH = width();
  const start = WIDTH < 400 ? 84 : 110;
  const most = Math.max(1, ...games.flatMap((g) => [g.staked, g.paid]));
  const height = games.length * 52 + 8;
  const length = (/** @type {number} */ v) => Math.max(2, (v / most) * (WIDTH - start - 70));
  return [
    s('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': games.map((g) => t('chart.game_label', { game: t(`game.${g.game}`), staked: num(g.staked), paid: num(g.paid) })).join('. ') },
      games.map((g, i) => s('g', { transform: `translate(0 ${i * 52 + 6})` },
        s('text', { x: 0, y: 24 }, t(`game.${g.game}`)),
        s('rect', { class: 'bar-staked', x: start, y: 4, width: length(g.staked), height: 14, rx: 4 }), s('text', { x: start + 8 + length(g.staked), y: 16 }, num(g.staked)),
        s('rect', { class: 'bar-paid', x: start, y: 22, width: length(g.paid), height: 14, rx: 4 }), s('text', { x: start + 8 + length(g.paid), y: 34 }, num(g.paid))))),
    h('ul', { class: 'legend' }, h('li', null, t('chart.staked')), h('li', { class: 'paid' }, t('chart.paid'))),
  ];
}
