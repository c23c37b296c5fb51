// The drawing of the wheel: 37 pockets in wheel order, an inner cone, a turret. The table and the lobby use it.
import { s } from '../../app/dom.js';
import { WHEEL, colour } from './bets.js';

const STEP = 360 / 37;

/** @param {number} radius @param {number} degrees clockwise from the top */
function point(radius, degrees) {
  const a = ((degrees - 90) * Math.PI) / 180;
  return `${(100 + radius * Math.cos(a)).toFixed(2)} ${(100 + radius * Math.sin(a)).toFixed(2)}`;
}

/** @param {number} outer @param {number} inner @param {number} from @param {number} to */
function ringPart(outer, inner, from, to) {
  return `M${point(outer, from)}A${outer} ${outer} 0 0 1 ${point(outer, to)}L${point(inner, to)}A${inner} ${inner} 0 0 0 ${point(inner, from)}Z`;
}

/** The turning part. @param {string} [className] */
export function wheelPicture(className) {
  return s(
    'svg',
    { class: className ?? null, viewBox: '0 0 200 200', 'aria-hidden': 'true' },
    s('circle', { class: 'rim', cx: 100, cy: 100, r: 89 }),
    WHEEL.map((n, i) =>
      s(
        'g',
        { class: `pocket ${colour(n)}` },
        s('path', { d: ringPart(87, 52, (i - 0.5) * STEP, (i + 0.5) * STEP) }),
        s(
          'text',
          {
            x: 100,
            y: 21,
            'text-anchor': 'middle',
            transform: `rotate(${i * STEP} 100 100)`,
          },
          n,
        ),
      ),
    ),
    s('circle', { class: 'groove', cx: 100, cy: 100, r: 71.5 }),
    s('circle', { class: 'cone', cx: 100, cy: 100, r: 52 }),
    Array.from({ length: 8 }, (_, i) =>
      s('path', {
        class: 'spoke',
        d: 'M100 50L103 78L100 84L97 78Z',
        transform: `rotate(${i * 45} 100 100)`,
      }),
    ),
    s('circle', { class: 'hub', cx: 100, cy: 100, r: 15 }),
    s('circle', { class: 'turret', cx: 100, cy: 100, r: 7 }),
    Array.from({ length: 4 }, (_, i) =>
      s(
        'g',
        { transform: `rotate(${i * 90} 100 100)` },
        s('path', { class: 'arm', d: 'M98.8 93V77H101.2V93Z' }),
        s('circle', { class: 'arm', cx: 100, cy: 76, r: 2.6 }),
      ),
    ),
  );
}
