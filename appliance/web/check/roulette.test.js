// The states of the roulette table, from its rules: what is laid, taken back, played, told; and what fits on which stage.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import {
  again,
  begin,
  hindrance,
  kept,
  next,
  often,
  onTable,
  pocket,
  toPlay,
  turning,
  won,
} from '../static/assets/js/games/roulette/machine.js';
import {
  CALLS,
  SPOT,
  SPOTS,
  WHEEL,
  best,
  chipsOf,
  covered,
  finalBet,
  fromBets,
  insideOf,
  neighbourBet,
  neighbours,
  toBets,
  total,
} from '../static/assets/js/games/roulette/bets.js';
import { box, fit, halfOf, offset } from '../static/assets/js/games/roulette/fit.js';

const LIMITS = { min: 1, max: 10_000, position: 10_000 };

/** The state after some events. */
const after = (state, ...events) => events.reduce(next, state);
const lay = (...spots) => ({ type: 'lay', chips: spots.map((spot) => ({ spot, chips: 1 })) });
const chip = (worth) => ({ type: 'chip', chip: worth });
const repeated = (n, event) => Array.from({ length: n }, () => event);

let id = 1000;
/** The casino's answer to a spin. */
function answer(fell, laid, payout = 0) {
  id += 1;
  const bets = toBets(laid);
  const round = { id: String(id), staked: total(laid), payout, bets, outcome: { pocket: fell } };
  return { round, pocket: fell, color: 'red', bets, payout, coins: 100, held_coins: 0 };
}

/** A table after a spin of some bets. */
function told(laid, fell = 17, payout = 0, limits = LIMITS) {
  const spin = answer(fell, laid, payout);
  return after(begin(limits, { laid }), { type: 'spin' }, { type: 'answered', spin }, { type: 'rested' });
}

test('chips add up on a spot, and are taken back one by one', () => {
  let state = after(begin(LIMITS), chip(5), lay('red'), lay('red'), chip(25), lay('straight:17'));
  assert.deepEqual(state.laid, { red: 10, 'straight:17': 25 });
  state = after(state, chip(5), { type: 'take', spot: 'red' });
  assert.deepEqual(state.laid, { red: 5, 'straight:17': 25 });
  state = next(state, { type: 'take', spot: 'straight:17' });
  assert.equal(state.laid['straight:17'], 20);
  state = after(state, chip(100), { type: 'take', spot: 'straight:17' });
  assert.deepEqual(state.laid, { red: 5 }, 'more than there is takes all');
  assert.equal(next(state, { type: 'take', spot: 'black' }), state, 'where nothing lies, nothing is taken');
});

test('the eraser takes back what a touch would lay; a chip puts it away', () => {
  let state = after(begin(LIMITS), lay('red'), lay('red'), { type: 'erase' });
  assert.equal(state.erasing, true);
  state = after(state, lay('red'), lay('black'));
  assert.deepEqual(state.laid, { red: 5 });
  state = after(state, lay('red'), { type: 'undo' });
  assert.deepEqual(state.laid, { red: 5 }, 'what the eraser took can be had back');
  state = after(state, chip(25), lay('black'));
  assert.equal(state.erasing, false);
  assert.deepEqual(state.laid, { red: 5, black: 25 });
});

test('a call bet that the eraser takes comes back with one undo', () => {
  let state = after(begin(LIMITS), { type: 'lay', chips: CALLS.tiers }, { type: 'erase' });
  state = next(state, { type: 'lay', chips: CALLS.tiers });
  assert.deepEqual(state.laid, {});
  assert.equal(total(next(state, { type: 'undo' }).laid), 30);
});

test('undo goes back step by step, through clear and double as well', () => {
  let state = after(begin(LIMITS), lay('red'), lay('black'), { type: 'double' }, { type: 'clear' });
  assert.deepEqual(state.laid, {});
  const steps = [];
  for (let i = 0; i < 5; i += 1) {
    state = next(state, { type: 'undo' });
    steps.push(state.laid);
  }
  assert.deepEqual(steps, [{ red: 10, black: 10 }, { red: 5, black: 5 }, { red: 5 }, {}, {}]);
});

test('the limits of a spin and of a position are kept, by chips as by doubling', () => {
  const limits = { min: 1, max: 100, position: 40 };
  let state = after(begin(limits), chip(25), lay('red'), lay('red'));
  assert.deepEqual(state.laid, { red: 25 });
  assert.deepEqual(state.message, { key: 'over_position', most: 40 });
  state = next(state, lay('black'));
  assert.equal(state.message, null, 'the next touch that changes something takes the words away');
  state = next(state, { type: 'double' });
  assert.deepEqual(state.laid, { red: 25, black: 25 });
  assert.equal(state.message?.key, 'over_position');
  state = after(state, lay('odd'), lay('even'), lay('low'));
  assert.equal(total(state.laid), 100);
  assert.deepEqual(state.message, { key: 'over_limit', most: 100 });
});

test('a spin takes at most 100 bets', () => {
  const ids = SPOTS.map((spot) => spot.id);
  let state = after(begin(LIMITS), chip(1), ...ids.slice(0, 100).map((spot) => lay(spot)));
  assert.equal(Object.keys(state.laid).length, 100);
  state = next(state, lay(ids[100]));
  assert.equal(Object.keys(state.laid).length, 100);
  assert.equal(state.message?.key, 'too_many');
  assert.equal(next(state, lay(ids[0])).laid[ids[0]], 2, 'another chip on a bet is no other bet');
});

test('a spin: betting, spinning, rolling, told; nothing can be laid while it runs', () => {
  let state = next(begin(LIMITS, { laid: { red: 5 } }), { type: 'spin' });
  assert.deepEqual([state.phase, state.place], ['spinning', 'wheel']);
  const spin = answer(17, { red: 5 });
  for (const phase of ['spinning', 'rolling']) {
    assert.equal(state.phase, phase);
    assert.equal(turning(state), true);
    assert.equal(pocket(state), null, 'the pocket is not told before the ball lies in it');
    for (const event of [
      lay('black'),
      { type: 'spin' },
      { type: 'clear' },
      { type: 'undo' },
      { type: 'double' },
      chip(1),
    ])
      assert.equal(next(state, event), state);
    state = next(state, { type: 'answered', spin });
  }
  state = next(state, { type: 'rested' });
  assert.equal(state.phase, 'told');
  assert.equal(pocket(state), 17);
  assert.deepEqual(state.laid, {});
  assert.deepEqual(onTable(state), { red: 5 }, 'the chips of the spin stay in sight');
  assert.equal(state.fallen[0].pocket, 17);
  assert.equal(next(begin(LIMITS), { type: 'rested' }).phase, 'betting');
});

test('a payout up to the stake is no win', () => {
  assert.equal(won(told({ red: 5, black: 5 }, 17, 10)), false);
  assert.equal(won(told({ red: 5 }, 1, 10)), true);
  assert.equal(won(begin(LIMITS)), false);
});

test('after a round the gold button offers the same bets again; a new chip begins anew', () => {
  const state = told({ red: 5, 'straight:17': 25 });
  assert.equal(again(state), true);
  assert.deepEqual(toPlay(state), { red: 5, 'straight:17': 25 });
  const second = next(state, { type: 'spin' });
  assert.equal(second.phase, 'spinning');
  assert.deepEqual(second.laid, { red: 5, 'straight:17': 25 });
  const anew = next(state, lay('black'));
  assert.deepEqual([anew.phase, anew.laid, again(anew)], ['betting', { black: 5 }, false]);
  assert.equal(pocket(anew), null);
  assert.equal(again(after(anew, { type: 'clear' })), false, 'an emptied table is meant to be empty');
});

test('repeat lays the last bets, double doubles them, also after a round', () => {
  const state = told({ red: 5 });
  assert.deepEqual(next(state, { type: 'repeat' }).laid, { red: 5 });
  assert.deepEqual(next(state, { type: 'double' }).laid, { red: 10 });
  const limited = told({ red: 30 }, 17, 0, { min: 1, max: 100, position: 40 });
  const refused = next(limited, { type: 'double' });
  assert.deepEqual([refused.laid, refused.message?.key], [{}, 'over_position']);
  assert.equal(next(begin(LIMITS), { type: 'repeat' }).message, null);
});

test('a refused spin leaves the chips where they were', () => {
  const state = after(begin(LIMITS, { laid: { red: 5 } }), { type: 'spin' }, { type: 'refused', words: 'no' });
  assert.deepEqual([state.phase, state.refusal, state.laid, state.place], ['refused', 'no', { red: 5 }, 'cloth']);
  assert.deepEqual(next(state, lay('red')).refusal, '');
});

test('what hinders a spin: an empty table, the least stake, too few coins', () => {
  const limits = { min: 10, max: 100, position: 100 };
  assert.equal(hindrance(begin(limits), 50), 'empty');
  assert.equal(hindrance(begin(limits, { laid: { red: 5 } }), 50), 'below');
  assert.equal(hindrance(begin(limits, { laid: { red: 60 } }), 50), 'short');
  assert.equal(hindrance(begin(limits, { laid: { red: 50 } }), 50), null);
  assert.equal(hindrance(told({ red: 60 }), 50), 'short', 'the same again can be too much');
  const below = begin(limits, { laid: { red: 5 } });
  assert.equal(next(below, { type: 'spin' }), below);
});

test('all that is left goes on the last touched spot, within the limits', () => {
  const limits = { min: 1, max: 1000, position: 500 };
  const rest = (coins) => ({ type: 'rest', coins });
  assert.equal(next(begin(limits), rest(50)).message?.key, 'touch_first');
  const state = after(begin(limits), lay('red'), lay('black'));
  assert.deepEqual(next(state, rest(50)).laid, { red: 5, black: 45 });
  assert.deepEqual(next(state, rest(9000)).laid, { red: 5, black: 500 });
  assert.equal(next(state, rest(10)).message?.key, 'no_rest');
  assert.deepEqual(after(state, rest(50), { type: 'undo' }).laid, { red: 5, black: 5 });
});

test('what a tab keeps is laid again; what can be no bet is left out', () => {
  const state = after(begin(LIMITS), chip(25), lay('red'), { type: 'each', each: 4 });
  const back = begin(LIMITS, JSON.parse(JSON.stringify(kept(state))));
  assert.deepEqual([back.laid, back.chip, back.each], [{ red: 25 }, 25, 4]);
  const rolling = after(state, { type: 'spin' }, { type: 'answered', spin: answer(3, { red: 25 }) });
  assert.deepEqual([kept(rolling).laid, kept(rolling).last], [{}, { red: 25 }], 'bets that were taken lie no more');
  assert.deepEqual(begin(LIMITS, { laid: { nonsense: 5, red: -1, black: 2.5, odd: 5 } }).laid, { odd: 5 });
  assert.deepEqual(begin({ ...LIMITS, max: 10 }, { laid: { red: 25 } }).laid, {}, 'the limits may have changed');
  assert.deepEqual(begin(LIMITS, { laid: null, chip: 'x' }, 'nonsense').saved, []);
});

test('a spin that a reload interrupted is told, with its bets', () => {
  const spin = answer(12, { 'split:8-9': 5, 'dozen:2': 10, red: 1 }, 30);
  const state = next(begin(LIMITS, { laid: { 'split:8-9': 5, 'dozen:2': 10, red: 1 } }), { type: 'resumed', spin });
  assert.deepEqual(state.last, { 'split:8-9': 5, 'dozen:2': 10, red: 1 });
  assert.deepEqual([state.phase, state.laid, pocket(state)], ['told', {}, 12]);
});

test('saved bets: kept by name, at most ten, put with one press, deleted', () => {
  let state = begin(LIMITS, { laid: { red: 5 } });
  assert.equal(next(state, { type: 'keep', name: '  ' }), state);
  state = after(state, { type: 'keep', name: ' mine ' }, { type: 'clear' }, { type: 'put', name: 'mine' });
  assert.deepEqual(state.saved, [{ name: 'mine', laid: { red: 5 } }]);
  assert.deepEqual(state.laid, { red: 5 });
  state = after(state, lay('black'), { type: 'keep', name: 'mine' });
  assert.deepEqual(state.saved, [{ name: 'mine', laid: { red: 5, black: 5 } }], 'the same name is kept once');
  for (let i = 0; i < 12; i += 1) state = next(state, { type: 'keep', name: `n${i}` });
  assert.equal(state.saved.length, 10);
  assert.equal(state.message?.key, 'saved_full');
  state = next(state, { type: 'forget', name: 'mine' });
  assert.equal(state.saved.length, 9);
  assert.deepEqual(begin(LIMITS, {}, JSON.parse(JSON.stringify(state.saved))).saved, state.saved);
  const limited = begin({ ...LIMITS, position: 4 }, {}, [{ name: 'much', laid: { red: 5 } }]);
  assert.equal(next(limited, { type: 'put', name: 'much' }).message?.key, 'over_position');
});

test('where things take turns, the wheel shows a spin, and gives way to the next bet', () => {
  const state = told({ red: 5 });
  assert.equal(state.place, 'wheel');
  for (const event of [lay('red'), { type: 'repeat' }, chip(25), { type: 'erase' }])
    assert.equal(next(state, event).place, 'cloth', event.type);
  const calls = next(begin(LIMITS), { type: 'show', place: 'calls' });
  assert.equal(next(calls, { type: 'lay', chips: CALLS.zero }).place, 'calls', 'more calls can be placed');
  assert.equal(next(calls, { type: 'half', half: 1 }).place, 'cloth');
});

test('every bet is what the rules say', () => {
  assert.equal(SPOTS.length, 157);
  for (const spot of SPOTS) {
    // 36 coins are shared by the numbers that win: the pay follows from how many they are.
    if (spot.type !== 'straight') assert.equal((spot.pays + 1) * spot.covers.length, 36, spot.id);
    assert.equal(new Set(spot.covers).size, spot.covers.length, spot.id);
  }
  assert.deepEqual(
    fromBets(toBets(Object.fromEntries(SPOTS.map((s) => [s.id, 7])))),
    Object.fromEntries(SPOTS.map((s) => [s.id, 7])),
  );
  assert.equal(best({ 'straight:17': 1, red: 10, black: 10 }), 36 + 20);
});

test('call bets cover what players expect', () => {
  const sorted = (call) => covered(call).sort((a, b) => a - b);
  const arc = (from, to) => {
    const [a, b] = [WHEEL.indexOf(from), WHEEL.indexOf(to)];
    return Array.from({ length: ((b - a + 37) % 37) + 1 }, (_, i) => WHEEL[(a + i) % 37]).sort((x, y) => x - y);
  };
  assert.deepEqual(sorted(CALLS.voisins), arc(22, 25));
  assert.deepEqual(sorted(CALLS.tiers), arc(27, 33));
  assert.deepEqual(
    sorted(CALLS.orphelins),
    [...arc(17, 6), ...arc(1, 9)].sort((a, b) => a - b),
  );
  assert.deepEqual(sorted(CALLS.zero), arc(12, 15));
  assert.deepEqual(Object.values(CALLS).map(chipsOf), [9, 6, 5, 4]);
  assert.deepEqual(sorted(finalBet(4)), [4, 14, 24, 34]);
  assert.deepEqual(sorted(finalBet(7)), [7, 17, 27]);
  assert.deepEqual(sorted(finalBet(0)), [0, 10, 20, 30]);
  assert.deepEqual(neighbours(0, 2), [3, 26, 0, 32, 15]);
  for (let each = 1; each <= 5; each += 1) assert.equal(chipsOf(neighbourBet(26, each)), 2 * each + 1);
  assert.deepEqual(
    [next(begin(LIMITS), { type: 'each', each: 9 }).each, next(begin(LIMITS), { type: 'each', each: 0 }).each],
    [5, 1],
  );
  assert.equal(insideOf(17).length, 12);
  assert.deepEqual(
    insideOf(0).map((s) => s.type),
    ['straight', 'split', 'split', 'split', 'trio', 'trio', 'first_four'],
  );
});

test('hot and cold numbers are counted from the known rounds, and few rounds say nothing', () => {
  const rounds = (pockets) => pockets.map((n, i) => ({ id: String(i), outcome: { pocket: n } }));
  const before = (pockets) => next(begin(LIMITS), { type: 'before', rounds: rounds(pockets) });
  assert.equal(often(before(repeated(19, 7))), null);
  const all = [...repeated(3, 7), ...repeated(2, 9), ...WHEEL.filter((n) => n !== 22)];
  const found = often(before(all));
  assert.deepEqual(found?.hot.slice(0, 2), [
    { n: 7, times: 4 },
    { n: 9, times: 3 },
  ]);
  assert.deepEqual(found?.cold[0], { n: 22, times: 0 });
  assert.equal(found?.rounds, all.length);
  const state = told({ red: 5 });
  const twice = next(state, { type: 'before', rounds: [{ id: state.fallen[0].id, outcome: { pocket: 17 } }] });
  assert.equal(twice.fallen.length, 1, 'a round that is known counts once');
});

// The stage at the windows that must fit, in pixels, with the panel as it is there.
const STAGES = [
  ['360x740', 328, 402, true],
  ['390x844', 358, 498, true],
  ['844x390', 624, 336, true],
  ['820x1180', 780, 846, true],
  ['1024x768', 664, 680, true],
  ['1280x632', 920, 544, false],
  ['1366x650', 1000, 562, false],
  ['1440x900', 1000, 812, false],
  ['1920x1080', 1232, 992, false],
];

test('every spot can be hit on every stage: 44 pixels for fingers, 24 for a mouse', () => {
  for (const [name, width, height, coarse] of STAGES) {
    const { cloth, shape } = fit(width, height, coarse);
    assert.ok(
      cloth.width + 2 * cloth.edge <= width + 0.01 && cloth.height + 2 * cloth.edge <= height,
      `${name}: the cloth is larger than the stage`,
    );
    assert.equal(cloth.lines, !coarse, name);
    assert.equal(cloth.upright, width < 600, name);
    for (const half of cloth.parts === 2 ? [0, 1] : [0])
      for (const spot of SPOTS) {
        if (spot.numbers.length > 1 && !cloth.lines) continue;
        if (cloth.parts === 2 && halfOf(spot) !== null && halfOf(spot) !== half) continue;
        const at = box(spot, cloth, half);
        const least = coarse ? 44 : 24;
        assert.ok(at.width >= least && at.height >= least, `${name}: ${spot.id} is ${at.width} by ${at.height}`);
        const shift = offset(cloth, half);
        const [x, y] = cloth.upright ? [at.left, at.top - shift] : [at.left - shift, at.top];
        const inside =
          x - at.width / 2 > -0.01 &&
          x + at.width / 2 < cloth.width + 0.01 &&
          y - at.height / 2 > -0.01 &&
          y + at.height / 2 < cloth.height + 0.01;
        const onEdge = spot.y === 5; // streets and six-lines lie on the line to the dozens
        assert.ok(inside || onEdge, `${name}: ${spot.id} is out of sight in half ${half}`);
      }
    assert.ok(shape === 'turns' || coarse || shape === 'beside', name);
  }
});

test('spots that are faces do not cover each other', () => {
  for (const [name, width, height, coarse] of STAGES) {
    const { cloth } = fit(width, height, coarse);
    for (const half of cloth.parts === 2 ? [0, 1] : [0]) {
      const faces = SPOTS.filter(
        (s) => s.numbers.length < 2 && (cloth.parts === 1 || halfOf(s) === null || halfOf(s) === half),
      ).map((s) => ({ id: s.id, ...box(s, cloth, half) }));
      for (const a of faces)
        for (const b of faces)
          if (a.id < b.id)
            assert.ok(
              Math.abs(a.left - b.left) >= (a.width + b.width) / 2 - 0.01 ||
                Math.abs(a.top - b.top) >= (a.height + b.height) / 2 - 0.01,
              `${name}: ${a.id} covers ${b.id}`,
            );
    }
  }
});

test('the pockets of the racetrack can be hit wherever it is shown', () => {
  for (const [name, width, height, coarse] of STAGES) {
    const { track, shape } = fit(width, height, coarse);
    assert.equal(!!track, shape === 'beside' || shape === 'below', name);
    if (!track) continue;
    const least = coarse ? 44 : 24;
    const part = (2 * (track.width - track.height) + Math.PI * track.height) / 37;
    assert.ok(part >= least && track.thick >= least, `${name}: ${part} by ${track.thick}`);
  }
});

test('any window shows something: small ones, and those of enlarged pages', () => {
  for (let width = 240; width <= 1400; width += 37)
    for (let height = 220; height <= 1100; height += 41)
      for (const coarse of [false, true]) {
        const { cloth, wheel, shape } = fit(width, height, coarse);
        const room = shape === 'turns' ? height - 82 : height; // below the tabs and the result
        const name = `${width} by ${height}${coarse ? ', fingers' : ''}`;
        assert.ok(wheel > 40 && cloth.cell > 12 && cloth.across > 12, name);
        assert.ok(
          cloth.width + 2 * cloth.edge <= width + 0.01 && cloth.height + 2 * cloth.edge <= room + 0.01,
          `${name}: ${cloth.width} by ${cloth.height}`,
        );
      }
  assert.ok(SPOT.size === SPOTS.length);
});
