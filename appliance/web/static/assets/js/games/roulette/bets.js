// Every bet of the table: its type, its numbers, where its spot lies, what it pays.
//
// Spots lie on a lattice of half cells. Along the table, x is 0 at the zero and 2·c at the row c = 1 … 12 of three
// numbers; across it, y is 0 at 3, 6, 9 …, 2 at 2, 5, 8 … and 4 at 1, 4, 7 …. Odd places are lines and crossings.

/**
 * @typedef {object} Spot
 * @property {string} id e.g. "split:8-9"
 * @property {string} type as in the API
 * @property {number[]} numbers sent to the API; empty for bets with a selection and for even-money bets
 * @property {number} selection 1 … 3 for dozen and column, else 0
 * @property {number[]} covers the numbers that win
 * @property {number} pays to 1
 * @property {number} x
 * @property {number} y
 */

export const WHEEL = [
  0, 32, 15, 19, 4, 21, 2, 25, 17, 34, 6, 27, 13, 36, 11, 30, 8, 23, 10, 5, 24, 16, 33, 1, 20, 14, 31, 9, 22, 18, 29, 7,
  28, 12, 35, 3, 26,
];
const RED = new Set([1, 3, 5, 7, 9, 12, 14, 16, 18, 19, 21, 23, 25, 27, 30, 32, 34, 36]);

/** @type {Record<string, number>} */
export const PAYS = {
  straight: 35,
  split: 17,
  street: 11,
  trio: 11,
  corner: 8,
  first_four: 8,
  six_line: 5,
  dozen: 2,
  column: 2,
  low: 1,
  high: 1,
  red: 1,
  black: 1,
  odd: 1,
  even: 1,
};

/** @param {number} n */
export function colour(n) {
  return n === 0 ? 'green' : RED.has(n) ? 'red' : 'black';
}

/** @param {number} from @param {number} to */
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const ALL = range(1, 36);

/** @param {number} n 1 … 36 */
const placeOf = (n) => ({
  x: 2 * Math.ceil(n / 3),
  y: 2 * ((3 - (n % 3)) % 3),
});

/** @param {string} type @param {number[]} numbers @param {number} x @param {number} y @returns {Spot} */
function inside(type, numbers, x, y) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return {
    id: `${type}:${sorted.join('-')}`,
    type,
    numbers: sorted,
    selection: 0,
    covers: sorted,
    pays: PAYS[type],
    x,
    y,
  };
}

/**
 * @param {string} type
 * @param {number} selection
 * @param {number[]} covers
 * @param {number} x
 * @param {number} y
 * @returns {Spot}
 */
function outside(type, selection, covers, x, y) {
  return {
    id: selection ? `${type}:${selection}` : type,
    type,
    numbers: [],
    selection,
    covers,
    pays: PAYS[type],
    x,
    y,
  };
}

/** All spots of the table. @returns {Spot[]} */
function makeSpots() {
  /** @type {Spot[]} */
  const spots = [inside('straight', [0], 0, 2)];
  for (const n of ALL) {
    const { x, y } = placeOf(n);
    spots.push(inside('straight', [n], x, y));
    if (n <= 33) spots.push(inside('split', [n, n + 3], x + 1, y));
    if (n % 3 !== 0) spots.push(inside('split', [n, n + 1], x, y - 1));
    if (n % 3 !== 0 && n <= 33) spots.push(inside('corner', [n, n + 1, n + 3, n + 4], x + 1, y - 1));
    if (n % 3 === 1) {
      spots.push(inside('street', [n, n + 1, n + 2], x, 5));
      if (n <= 31) spots.push(inside('six_line', range(n, n + 5), x + 1, 5));
    }
  }
  spots.push(
    inside('split', [0, 3], 1, 0),
    inside('split', [0, 2], 1, 2),
    inside('split', [0, 1], 1, 4),
    inside('trio', [0, 2, 3], 1, 1),
    inside('trio', [0, 1, 2], 1, 3),
    inside('first_four', [0, 1, 2, 3], 1, 5),
  );
  for (const k of [1, 2, 3]) {
    spots.push(
      outside(
        'column',
        k,
        ALL.filter((n) => n % 3 === k % 3),
        26,
        6 - 2 * k,
      ),
      outside('dozen', k, range(12 * k - 11, 12 * k), 8 * k - 3, 6.1),
    );
  }
  /** @type {[string, number[]][]} */
  const even = [
    ['low', range(1, 18)],
    ['even', ALL.filter((n) => n % 2 === 0)],
    ['red', ALL.filter((n) => RED.has(n))],
    ['black', ALL.filter((n) => !RED.has(n))],
    ['odd', ALL.filter((n) => n % 2 === 1)],
    ['high', range(19, 36)],
  ];
  even.forEach(([type, covers], i) => spots.push(outside(type, 0, covers, 4 * i + 3, 8.2)));
  return spots;
}

export const SPOTS = makeSpots();
export const SPOT = new Map(SPOTS.map((spot) => [spot.id, spot]));

/** @typedef {{spot: string, chips: number}[]} CallBet */

/** A call bet from its spots, each with the number of its chips unless it is one. @param {string} spots @returns {CallBet} */
function call(spots) {
  return spots.split(', ').map((one) => {
    const [spot, chips = '1'] = one.split(' ');
    return { spot, chips: Number(chips) };
  });
}

/** The call bets. A test holds them against the rules of the house. @type {Record<string, CallBet>} */
export const CALLS = {
  voisins: call('trio:0-2-3 2, split:4-7, split:12-15, split:18-21, split:19-22, split:32-35, corner:25-26-28-29 2'),
  tiers: call('split:5-8, split:10-11, split:13-16, split:23-24, split:27-30, split:33-36'),
  orphelins: call('straight:1, split:6-9, split:14-17, split:17-20, split:31-34'),
  zero: call('split:0-3, split:12-15, split:32-35, straight:26'),
};

/** The numbers that end with a digit, one chip on each. @param {number} digit @returns {CallBet} */
export function finalBet(digit) {
  return range(0, 36)
    .filter((n) => n % 10 === digit)
    .map((n) => ({ spot: `straight:${n}`, chips: 1 }));
}

/** A number and its neighbours on the wheel. @param {number} n @param {number} each how many on each side */
export function neighbours(n, each) {
  const at = WHEEL.indexOf(n);
  return range(-each, each).map((d) => WHEEL[(at + d + 37) % 37]);
}

/** @param {number} n @param {number} each @returns {CallBet} */
export function neighbourBet(n, each) {
  return neighbours(n, each).map((m) => ({ spot: `straight:${m}`, chips: 1 }));
}

/** The numbers that a call bet covers. @param {CallBet} call */
export function covered(call) {
  return [...new Set(call.flatMap((c) => SPOT.get(c.spot)?.covers ?? []))];
}

/** How many chips a call bet takes. @param {CallBet} call */
export function chipsOf(call) {
  return call.reduce((sum, { chips }) => sum + chips, 0);
}

/** The bets on numbers that a number belongs to, as they lie around it. @param {number} n */
export function insideOf(n) {
  return SPOTS.filter((spot) => spot.numbers.includes(n)).sort((a, b) => a.covers.length - b.covers.length);
}

/** @typedef {Record<string, number>} Chips coins by spot */

/** The bets in the API's form. @param {Chips} laid @returns {import('../../app/types.js').Bet[]} */
export function toBets(laid) {
  return Object.entries(laid).map(([id, amount]) => {
    const { type, numbers, selection } = /** @type {Spot} */ (SPOT.get(id));
    return { type, ...(numbers.length ? { numbers } : {}), ...(selection ? { selection } : {}), amount };
  });
}

/** The coins by spot that some bets of the API lie on. @param {import('../../app/types.js').Bet[]} bets */
export function fromBets(bets) {
  /** @type {Chips} */
  const laid = {};
  for (const { type, numbers, selection, amount } of bets) {
    const which = numbers?.length ? [...numbers].sort((a, b) => a - b).join('-') : selection;
    const id = which ? `${type}:${which}` : type;
    if (SPOT.has(id)) laid[id] = (laid[id] ?? 0) + amount;
  }
  return laid;
}

/** @param {Chips} laid */
export function total(laid) {
  return Object.values(laid).reduce((a, b) => a + b, 0);
}

/** The largest payout that any number can bring. @param {Chips} laid */
export function best(laid) {
  const back = range(0, 36).map((n) =>
    Object.entries(laid).reduce((sum, [id, amount]) => {
      const spot = SPOT.get(id);
      return spot?.covers.includes(n) ? sum + amount * (spot.pays + 1) : sum;
    }, 0),
  );
  return Math.max(...back);
}
