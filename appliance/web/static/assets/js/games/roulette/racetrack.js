// The racetrack: the numbers as they lie on the wheel, for call bets. A number bets on itself and its neighbours, a
// field inside on its whole sector.
import { svg } from '../../app/html.js';
import { t, coins } from '../../app/i18n.js';
import { WHEEL, CALLS, chipsOf, colour, neighbourBet, neighbours } from './bets.js';
import { callName } from './calls.js';

/** @typedef {{width: number, height: number, thick: number}} Size */

/**
 * A place on the track: so far along its outer edge, from the middle of the right end, clockwise; so deep inside it.
 * Pockets are of equal length at the outer edge, so that those in the bends can be hit as well as the others.
 * @param {Size} size @param {number} share 0 … 1 of the way around @param {number} depth @returns {[number, number]}
 */
function at({ width, height }, share, depth) {
  const radius = height / 2;
  const straight = width - height;
  const lap = 2 * straight + Math.PI * height;
  const quarter = (Math.PI * radius) / 2;
  let d = (((share % 1) + 1) % 1) * lap;
  const inner = radius - depth;
  /** @param {number} x @param {number} angle @returns {[number, number]} */
  const bend = (x, angle) => [x + inner * Math.cos(angle), radius + inner * Math.sin(angle)];
  if (d <= quarter) return bend(width - radius, d / radius);
  d -= quarter;
  if (d <= straight) return [width - radius - d, radius + inner];
  d -= straight;
  if (d <= 2 * quarter) return bend(radius, Math.PI / 2 + d / radius);
  d -= 2 * quarter;
  if (d <= straight) return [radius + d, radius - inner];
  return bend(width - radius, -Math.PI / 2 + (d - straight) / radius);
}

/** @param {[number, number][]} points */
const outline = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}Z`;

/** @param {Size} size @param {number} from @param {number} to shares @param {number} depth @param {number} steps */
const stretch = (size, from, to, depth, steps) =>
  Array.from({ length: steps + 1 }, (_, i) => at(size, from + ((to - from) * i) / steps, depth));

/**
 * The lines of the drawing, by the size that they were made for.
 * @type {{
 *   size: Size, pockets: {d: string, x: number, y: number}[],
 *   sectors: {name: string, d: string, x: number, y: number}[]
 * }|null}
 */
let made = null;

/** @param {Size} size */
function draw(size) {
  if (made?.size.width === size.width && made.size.height === size.height) return made;
  const part = 1 / 37;
  const pockets = WHEEL.map((_, i) => {
    const [from, to] = [(i - 0.5) * part, (i + 0.5) * part];
    const [x, y] = at(size, i * part, size.thick / 2);
    return { d: outline([...stretch(size, from, to, 0, 4), ...stretch(size, to, from, size.thick, 4)]), x, y };
  });
  // The lines between the sectors run from boundary to boundary of the track.
  const [b1, b2, b3, b4] = [8.5, 11.5, 23.5, 28.5].map((i) => i * part);
  const [z1, z2] = [3.5, -3.5].map((i) => i * part);
  const along = (/** @type {number} */ from, /** @type {number} */ to) => stretch(size, from, to, size.thick, 24);
  /** @type {[string, [number, number][]][]} */
  const fields = [
    ['tiers', along(b2, b3)],
    ['orphelins', [...along(b1, b2), ...along(b3, b4)]],
    ['voisins', [...along(b4 - 1, z2), ...along(z1, b1)]],
    ['zero', along(z2, z1)],
  ];
  const sectors = fields.map(([name, points]) => {
    const xs = points.map((p) => p[0]);
    return { name, d: outline(points), x: (Math.min(...xs) + Math.max(...xs)) / 2, y: size.height / 2 };
  });
  made = { size, pockets, sectors };
  return made;
}

/**
 * @param {Size} size
 * @param {{each: number, chip: number}} state neighbours on each side, and what one chip is worth
 * @param {number} current the place on the wheel that the keys have reached
 * @param {{place: (call: import('./bets.js').CallBet) => void, look: (call: import('./bets.js').CallBet|null, name?: string) => void,
 *   move: (to: number) => void}} hand
 */
export function racetrack(size, { each, chip }, current, hand) {
  const { pockets, sectors } = draw(size);
  /** @param {import('./bets.js').CallBet} call @param {string} name @param {number} [place] on the wheel */
  const acts = (call, name, place) => ({
    look: () => hand.look(call, name),
    place: () => hand.place(call),
    key: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === ' ' || event.key === 'Enter') {
        event.preventDefault();
        event.stopPropagation();
        if (!event.repeat) hand.place(call);
        return;
      }
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step || place === undefined) return;
      event.preventDefault();
      hand.move((place + step + 37) % 37);
    },
  });
  const away = () => hand.look(null);
  return svg`<svg viewBox="0 0 ${size.width} ${size.height}" width=${size.width} height=${size.height}>
    ${WHEEL.map((n, i) => {
      const name = t('roulette.neighbours_of', { n, numbers: neighbours(n, each).join(', ') });
      const { look, place, key } = acts(neighbourBet(n, each), name, i);
      return svg`<g class="part ${colour(n)}" data-part=${n} role="button" tabindex=${i === current ? 0 : -1}
        aria-label=${`${name}, ${coins(chipsOf(neighbourBet(n, each)) * chip)}`} @click=${place} @pointerenter=${look} @pointerleave=${away} @focus=${look} @blur=${away}
        @keydown=${key}>
        <path d=${pockets[i].d} />
        <text x=${pockets[i].x} y=${pockets[i].y}>${n}</text>
      </g>`;
    })}
    ${sectors.map((field) => {
      const name = callName(field.name);
      const { look, place, key } = acts(CALLS[field.name], name);
      return svg`<g class="sector ${field.name}" role="button" tabindex="0" aria-label=${`${name}, ${coins(chipsOf(CALLS[field.name]) * chip)}`} @click=${place}
        @pointerenter=${look} @pointerleave=${away} @focus=${look} @blur=${away} @keydown=${key}>
        <path d=${field.d} />
        <text x=${field.x} y=${field.y}>${t(field.name === 'zero' ? 'roulette.zero_short' : `roulette.${field.name}`)}</text>
      </g>`;
    })}
  </svg>`;
}
