// The cloth: 157 spots for bets, each a button at its place, and the chips on them.
import { html, nothing, repeat, vars } from '../../app/html.js';
import { t, coins } from '../../app/i18n.js';
import { SPOTS, SPOT, colour } from './bets.js';
import { box, halfOf, offset } from './fit.js';

/** @typedef {import('./bets.js').Spot} Spot */

/** A spot's name for screen readers. @param {Spot} spot @param {number} amount */
export function spotName(spot, amount) {
  // The printed text is part of the name.
  const printed = spot.numbers.length ? '' : spotLabel(spot);
  const word = t(`bet.${spot.type}`, { n: spot.selection });
  const name = printed && printed !== word ? `${printed}, ${word}` : word;
  const numbers = spot.numbers.length ? ` ${spot.numbers.join(', ')}` : '';
  return `${name}${numbers}, ${t('roulette.pays', { n: spot.pays })}${amount ? `, ${coins(amount)}` : ''}`;
}

/** The words on a bet beside the numbers. @param {Spot} spot */
function spotLabel(spot) {
  if (spot.type === 'column') return '2:1';
  if (spot.type === 'dozen') return t(`roulette.dozen${spot.selection}`);
  return { low: '1–18', high: '19–36' }[spot.type] ?? t(`bet.${spot.type}`);
}

/** Whether a spot is on the lines between numbers. @param {Spot} spot */
export function onLine(spot) {
  return spot.numbers.length > 1;
}

/** @param {Spot} spot */
function kind(spot) {
  if (spot.type === 'straight') return `face ${spot.numbers[0] === 0 ? 'zero' : 'cell'} ${colour(spot.numbers[0])}`;
  if (onLine(spot)) return spot.x % 2 && spot.y % 2 ? 'line crossing' : 'line';
  const diamond = spot.type === 'red' || spot.type === 'black' ? `diamond ${spot.type}` : '';
  return `face outside ${spot.type === 'column' ? 'cell' : spot.type === 'dozen' ? 'dozen' : 'even'} ${diamond}`;
}

/** Lines come after the numbers, and so lie above them. */
const ORDERED = [...SPOTS].sort((a, b) => a.covers.length - b.covers.length || a.y - b.y);

/** @param {number} n */
const px = (n) => `${n.toFixed(2)}px`;

/**
 * @param {import('./fit.js').Cloth} cloth
 * @param {object} shown
 * @param {0|1} shown.half
 * @param {import('./bets.js').Chips} shown.laid
 * @param {number|null} shown.pocket where the ball fell, while that is told
 * @param {string} shown.current the spot that the keys have reached
 */
export function clothTemplate(cloth, { half, laid, pocket, current }) {
  const spots = cloth.lines ? ORDERED : ORDERED.filter((spot) => !onLine(spot));
  const shift = offset(cloth, half);
  return html`<div
    class="cloth ${cloth.upright ? 'upright' : 'along'} ${cloth.parts === 2 ? 'halved' : ''}"
    role="group"
    aria-label=${t('roulette.table')}
    aria-describedby="table-keys"
    ${vars({ width: px(cloth.width), height: px(cloth.height), 'chip-size': px(cloth.chip) })}
  >
    <div class="sheet-of-cloth" ${vars({ x: px(cloth.upright ? 0 : -shift), y: px(cloth.upright ? -shift : 0) })}>
      ${repeat(
        spots,
        (spot) => spot.id,
        (spot) => {
          const away = cloth.parts === 2 && halfOf(spot) !== null && halfOf(spot) !== half;
          const { left, top, width, height } = box(spot, cloth, half);
          const has = laid[spot.id] ? 'has' : '';
          const fallen = pocket !== null && spot.type === 'straight' && spot.numbers[0] === pocket ? 'fallen' : '';
          const label = spot.type === 'straight' ? String(spot.numbers[0]) : onLine(spot) ? nothing : spotLabel(spot);
          return html`<button
            class="spot ${kind(spot)} ${has} ${fallen} ${away ? 'away' : ''}"
            type="button"
            tabindex=${spot.id === current ? 0 : -1}
            data-spot=${spot.id}
            aria-label=${spotName(spot, laid[spot.id] ?? 0)}
            ${vars({ left: px(left), top: px(top), width: px(width), height: px(height) })}
          >
            ${label === nothing ? nothing : html`<span>${label}</span>`}
          </button>`;
        },
      )}
      <div class="laid" aria-hidden="true">
        ${repeat(
          Object.entries(laid),
          ([id]) => id,
          ([id, amount]) => {
            const spot = /** @type {Spot} */ (SPOT.get(id));
            const { left, top } = chipPlace(spot, cloth, half);
            const result = pocket === null ? '' : spot.covers.includes(pocket) ? 'won' : 'gone';
            return html`<im-chip
              class=${result}
              data-on=${id}
              amount=${amount}
              ${vars({ left: px(left), top: px(top) })}
            ></im-chip>`;
          },
        )}
      </div>
    </div>
  </div>`;
}

/**
 * The middle of a chip: on a field with words it lies in the corner.
 * @param {Spot} spot @param {import('./fit.js').Cloth} cloth @param {0|1} half
 */
function chipPlace(spot, cloth, half) {
  const { left, top, width, height } = box(spot, cloth, half);
  if (spot.numbers.length) return { left, top };
  const inset = cloth.chip / 2 + 1;
  return { left: left + width / 2 - inset, top: top + height / 2 - inset };
}

/**
 * The nearest spot in a direction, as it is seen.
 * @param {string} from @param {number} dx @param {number} dy @param {import('./fit.js').Cloth} cloth
 */
export function neighbour(from, dx, dy, cloth) {
  const here = box(/** @type {Spot} */ (SPOT.get(from)), cloth);
  let nearest = '';
  let least = Infinity;
  for (const spot of SPOTS) {
    if (spot.id === from || (onLine(spot) && !cloth.lines)) continue;
    const there = box(spot, cloth);
    const ahead = (there.left - here.left) * dx + (there.top - here.top) * dy;
    const aside = Math.abs((there.left - here.left) * dy) + Math.abs((there.top - here.top) * dx);
    if (ahead < 4 || ahead + aside * 3 >= least) continue;
    least = ahead + aside * 3;
    nearest = spot.id;
  }
  return nearest;
}
