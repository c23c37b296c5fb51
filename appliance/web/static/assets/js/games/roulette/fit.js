// What has room on the stage: which things are shown at once and which take turns, and how large they are. Pure, so
// that a test can ask for every window. All figures are pixels.

/**
 * @typedef {object} Cloth
 * @property {boolean} upright the zero is at the top; else it is at the left
 * @property {1|2} parts 2: one half is shown at a time
 * @property {number} cell along the table
 * @property {number} across of one number
 * @property {number} field across of the dozens, and of the even chances
 * @property {number} edge the wood around the cloth
 * @property {number} chip
 * @property {boolean} lines whether lines and crossings can be hit
 * @property {number} width of what is shown of the cloth, without the wood
 * @property {number} height
 *
 * @typedef {object} Fit
 * @property {'beside'|'below'|'two'|'turns'} shape beside: the racetrack beside the wheel; below: below the cloth; two: the
 *   wheel and the calls take turns; turns: so does the cloth
 * @property {Cloth} cloth
 * @property {number} wheel its size
 * @property {boolean} row the last numbers are beside the wheel, not below it
 * @property {{width: number, height: number, thick: number}|null} track
 */

const GAP = 12;
const BETWEEN = 4; // between the numbers and the dozens, and between these and the even chances
const OVERLAP = 0.2; // of a cell that is shown in both halves
/** Lines can be hit where this much of a cell remains beside them. */
const LINE = 24;
const LINED = 46;

/** @param {number} low @param {number} wanted @param {number} high */
const clamp = (low, wanted, high) => Math.max(low, Math.min(wanted, high));

/** @param {number} width @param {number} height of the stage @param {boolean} coarse fingers, not a mouse @returns {Fit} */
export function fit(width, height, coarse) {
  const least = coarse ? 44 : 24;
  const all = width >= 600 && height >= 440 ? together(width, height, coarse, least) : null;
  if (all) return all;
  const tabs = 44 + 3;
  const words = 32 + 3; // the result
  const room = height - tabs - words;
  const row = width > room * 1.4;
  return {
    shape: 'turns',
    cloth: alone(width, room, coarse, least),
    wheel: Math.floor(row ? Math.min(room, width / 2) : Math.min(width, room - 96)),
    row,
    track: null,
  };
}

/**
 * The cloth along the whole width, the wheel above it.
 * @param {number} width @param {number} height @param {boolean} coarse @param {number} least @returns {Fit|null}
 */
function together(width, height, coarse, least) {
  const edge = coarse && width < 700 ? 6 : 12;
  const cell = (width - 2 * edge) / 14;
  if (cell < least) return null;
  const across = Math.floor(
    clamp(coarse ? 44 : 48, (0.44 * height - 2 * edge - 2 * BETWEEN) / 4.5, Math.min(cell, 90)),
  );
  const field = Math.max(least, Math.floor(across * 0.75));
  const cloth = make({ upright: false, parts: 1, cell, across, field, edge, coarse });
  const below = height - cloth.height - 2 * edge - GAP;
  const wheel = Math.floor(Math.min(below, 0.42 * width));
  const beside = track(
    width - wheel - 20 - 2 * edge,
    Math.min(below - (coarse ? 190 : 146) - 2 * edge, 0.5 * (width - wheel)),
    least,
  );
  if (beside && wheel >= 180) return { shape: 'beside', cloth, wheel, row: true, track: beside };
  const under = track(width - 2 * edge, clamp(3 * least + 16, 0.22 * height, 230), least);
  const above = under ? below - under.height - 2 * edge - GAP : 0;
  if (under && above >= 230)
    return { shape: 'below', cloth, wheel: Math.floor(Math.min(above, 0.45 * width)), row: true, track: under };
  if (below >= 290)
    return { shape: 'two', cloth, wheel: Math.floor(Math.min(below - 56, 0.5 * width)), row: true, track: null };
  return null;
}

/** The racetrack, if its pockets can be hit. @param {number} width @param {number} height @param {number} least */
function track(width, height, least) {
  const thick = Math.floor(clamp(least, height * 0.24, 52));
  const around = 2 * (width - height) + Math.PI * height;
  if (width < 1.6 * height || height - 2 * thick < least + 8 || around / 37 < least + 1) return null;
  return { width: Math.floor(width), height: Math.floor(height), thick };
}

/** The cloth with nothing beside it. @param {number} width @param {number} room @param {boolean} coarse @param {number} least */
function alone(width, room, coarse, least) {
  const upright = width < room * 1.15;
  const edge = coarse ? 0 : 6;
  const long = (upright ? room : width) - 2 * edge;
  const wide = (upright ? width : room) - 2 * edge;
  const parts = long / 14 >= Math.max(least, 32) ? 1 : 2;
  const cell = Math.min(long / (parts === 1 ? 14 : 7 + OVERLAP), 96);
  const across = Math.min((wide - 2 * BETWEEN) / (upright ? 5 : 4.8), 96);
  const field = Math.max(Math.min(least, across), Math.min(across, (wide - 2 * BETWEEN - 3 * across) / 2));
  return make({
    upright,
    parts,
    cell,
    across: Math.min(across, (wide - 2 * BETWEEN - 2 * field) / 3),
    field,
    edge,
    coarse,
  });
}

/**
 * @param {{
 *   upright: boolean, parts: 1|2, cell: number, across: number, field: number, edge: number, coarse: boolean
 * }} of
 * @returns {Cloth}
 */
function make({ upright, parts, cell, across, field, edge, coarse }) {
  const long = cell * (parts === 1 ? 14 : 7 + OVERLAP);
  const wide = 3 * across + 2 * field + 2 * BETWEEN;
  return {
    upright,
    parts,
    cell,
    across,
    field,
    edge,
    chip: clamp(20, Math.min(cell, across) * 0.58, 40),
    lines: !coarse && Math.min(cell, across) >= LINED,
    width: upright ? wide : long,
    height: upright ? long : wide,
  };
}

/** Where the shown half begins, along the table. @param {Cloth} cloth @param {0|1} half */
export function offset({ parts, cell }, half) {
  return parts === 2 && half === 1 ? (7 - OVERLAP) * cell : 0;
}

/** The half on which a spot is whole; null where both show it. @param {import('./bets.js').Spot} spot @returns {0|1|null} */
export function halfOf(spot) {
  if (spot.id === 'dozen:2' || spot.x === 13) return null;
  return spot.x < 13 ? 0 : 1;
}

/**
 * @typedef {object} Box
 * @property {number} left of the middle @property {number} top of the middle
 * @property {number} width
 * @property {number} height
 *
 * The place of a spot on the whole cloth, of which one half may be shown: the middle, and the size.
 * @param {import('./bets.js').Spot} spot @param {Cloth} cloth @param {0|1} [half] @returns {Box}
 */
export function box(spot, cloth, half = 0) {
  const { upright, parts, cell, across, field } = cloth;
  let long = (spot.x + 1) * (cell / 2); // the middle, along the table
  let length = cell;
  let wide = (spot.y + 1) * (across / 2); // the middle, across it
  let breadth = across;
  if (spot.type === 'dozen' || spot.y > 8) {
    length = cell * (spot.type === 'dozen' ? 4 : 2);
    breadth = field;
    wide = 3 * across + BETWEEN + field / 2 + (spot.type === 'dozen' ? 0 : BETWEEN + field);
    if (spot.id === 'dozen:2' && parts === 2) {
      // It lies across the seam, and each half shows its part.
      long = (half === 0 ? 6 : 8) * cell + (half === 0 ? 1 : -1) * (OVERLAP / 2) * cell;
      length = (2 + OVERLAP) * cell;
    }
  } else if (spot.id === 'straight:0') breadth = 3 * across;
  else if (spot.numbers.length && spot.type !== 'straight') {
    const onLine = spot.x % 2 !== 0; // between two rows
    const between = spot.y % 2 !== 0; // between two columns, or at the edge
    length = onLine ? LINE : cell - LINE;
    breadth = between ? LINE : across - LINE;
  }
  if (!upright) return { left: long, top: wide, width: length, height: breadth };
  const all = 3 * across + 2 * field + 2 * BETWEEN;
  return { left: all - wide, top: long, width: breadth, height: length };
}
