// Two small charts, as SVG: the net result over time, and what each game took and gave.
import { s, h } from '../app/dom.js';
import { t, num, brief, signed, dateTime, tick } from '../app/i18n.js';

const HEIGHT = 170;
/** Narrow on phones, so that the words keep their size. */
const width = () => (innerWidth < 640 ? 320 : 560);

/** Room for a chart that is still being fetched. */
export function chartSpace() {
  return s('svg', {
    class: 'chart',
    viewBox: `0 0 ${width()} ${HEIGHT}`,
    'aria-hidden': 'true',
  });
}

/** A figure that must fit beside a chart. @param {number} n @param {string} [whole] */
const label = (n, whole = num(n)) => (Math.abs(n) < 1_000_000 ? whole : brief(n));

/**
 * The net result over time, as steps: it is constant between rounds.
 * @param {{time: number, net: number}[]} points oldest first
 */
export function netChart(points) {
  const right = width() - 60;
  const values = points.map((p) => p.net);
  const low = Math.min(0, ...values);
  const high = Math.max(low + 1, 0, ...values);
  const from = points[0].time;
  const span = Math.max(1, points[points.length - 1].time - from);
  const last = values[values.length - 1];
  const x = (/** @type {number} */ time) => (((time - from) / span) * right).toFixed(1);
  const y = (/** @type {number} */ v) => 12 + (1 - (v - low) / (high - low)) * (HEIGHT - 36);
  const steps = points.map((p) => `H${x(p.time)}V${y(p.net).toFixed(1)}`).join('');
  const ends = { from: dateTime(from), to: dateTime(from + span) };
  return s(
    'svg',
    {
      class: 'chart',
      viewBox: `0 0 ${width()} ${HEIGHT}`,
      role: 'img',
      'aria-label': t('chart.net_label', {
        ...ends,
        net: signed(last),
        low: signed(Math.min(...values)),
        high: signed(Math.max(...values)),
      }),
    },
    s('path', { class: 'under', d: `M0 ${y(0)}${steps}V${y(0)}Z` }),
    s('line', { class: 'zero', x1: 0, x2: right, y1: y(0), y2: y(0) }),
    s('path', { class: 'net', d: `M0 ${y(0)}${steps}` }),
    Math.abs(y(0) - y(last)) > 14 && s('text', { x: right + 8, y: y(0) + 4 }, '0'),
    s('text', { x: right + 8, y: y(last) + 4 }, label(last, signed(last))),
    [0, 0.5, 1].map((share) =>
      s(
        'text',
        {
          x: share * right,
          y: HEIGHT - 2,
          'text-anchor': ['start', 'middle', 'end'][share * 2],
        },
        tick(from + share * span, span),
      ),
    ),
  );
}

/** Staked and paid by game. @param {import('../app/types.js').GameStatistics[]} games */
export function gamesChart(games) {
  const WIDTH = width();
  const start = WIDTH < 400 ? 84 : 110;
  const most = Math.max(1, ...games.flatMap((g) => [g.staked, g.paid]));
  const height = games.length * 52 + 8;
  const length = (/** @type {number} */ v) => Math.max(2, (v / most) * (WIDTH - start - 70));
  return [
    s(
      'svg',
      {
        class: 'chart',
        viewBox: `0 0 ${WIDTH} ${height}`,
        role: 'img',
        'aria-label': games
          .map((g) =>
            t('chart.game_label', {
              game: t(`game.${g.game}`),
              staked: num(g.staked),
              paid: num(g.paid),
            }),
          )
          .join('. '),
      },
      games.map((g, i) =>
        s(
          'g',
          { transform: `translate(0 ${i * 52 + 6})` },
          s('text', { x: 0, y: 24 }, t(`game.${g.game}`)),
          s('rect', {
            class: 'bar-staked',
            x: start,
            y: 4,
            width: length(g.staked),
            height: 14,
            rx: 4,
          }),
          s('text', { x: start + 8 + length(g.staked), y: 16 }, label(g.staked)),
          s('rect', {
            class: 'bar-paid',
            x: start,
            y: 22,
            width: length(g.paid),
            height: 14,
            rx: 4,
          }),
          s('text', { x: start + 8 + length(g.paid), y: 34 }, label(g.paid)),
        ),
      ),
    ),
    h('ul', { class: 'legend' }, h('li', null, t('chart.staked')), h('li', { class: 'paid' }, t('chart.paid'))),
  ];
}
