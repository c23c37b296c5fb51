import { test } from 'node:test';
import assert from 'node:assert/strict';
import { begin, next, turning, won, hit, IDLE } from '../static/assets/js/games/slots/machine.js';
import { symbolAt } from '../static/assets/js/games/slots/drum.js';

/** What the casino answers: three stops, and what they pay for a stake of 5. */
function spin(stops, payout) {
  const symbols = stops.map((stop, reel) => symbolAt(reel, stop));
  const round = { id: stops.join('-'), staked: 5, payout, outcome: { stops, symbols } };
  return { round, stops, symbols, payout, coins: 100, held_coins: 0 };
}
const NOTHING = spin([17, 21, 19], 0);
const CHERRIES = spin([15, 23, 23], 300);
const SOME = spin([25, 25, 17], 10);

/** The state after some events. */
const after = (...events) => events.reduce(next, begin());
const SPIN = { type: 'spin' };
const RESTED = { type: 'rested' };
const answered = (of) => ({ type: 'answered', spin: of });

test('the idle machine shows no line that pays', () => {
  const [first, second] = IDLE.map((stop, reel) => symbolAt(reel, stop));
  assert.notEqual(first, second, 'two equal symbols on the first reels pay');
  assert.deepEqual(begin().stops, IDLE);
  assert.equal(hit(begin()), null);
  assert.equal(won(begin()), false);
});

test('a spin turns until its stops have come to rest', () => {
  let state = after(SPIN);
  assert.ok(turning(state));
  assert.deepEqual(state.stops, IDLE, 'the reels still show where they rested');
  state = next(state, answered(CHERRIES));
  assert.ok(turning(state));
  assert.equal(won(state), false, 'the outcome is not told before the reels rest');
  assert.equal(hit(state), null);
  state = next(state, RESTED);
  assert.equal(turning(state), false);
  assert.deepEqual(state.stops, CHERRIES.stops);
  assert.ok(won(state));
  assert.deepEqual(hit(state), { symbol: 'cherry', reels: 3 });
  assert.equal(state.last, CHERRIES.round);
});

test('while the reels turn, nothing else starts', () => {
  for (const state of [after(SPIN), after(SPIN, answered(CHERRIES))]) {
    assert.equal(next(state, SPIN), state);
    assert.equal(next(state, { type: 'resumed', spin: NOTHING }), state);
  }
});

test('an event that makes no sense changes nothing', () => {
  const ready = begin();
  for (const event of [answered(CHERRIES), RESTED, { type: 'refused', words: 'no' }])
    assert.equal(next(ready, event), ready);
  const spinning = after(SPIN);
  assert.equal(next(spinning, RESTED), spinning);
  const told = after(SPIN, answered(CHERRIES), RESTED);
  assert.equal(next(told, answered(NOTHING)), told);
  assert.equal(next(told, { type: 'before', round: NOTHING.round }), told);
});

test('a refusal leaves the reels where they rested, and the next spin forgets it', () => {
  const before = after(SPIN, answered(CHERRIES), RESTED);
  const refused = next(next(before, SPIN), { type: 'refused', words: 'no' });
  assert.equal(refused.refusal, 'no');
  assert.equal(turning(refused), false);
  assert.equal(won(refused), false, 'the win before it is over');
  assert.deepEqual(refused.stops, CHERRIES.stops);
  assert.equal(next(refused, SPIN).refusal, '');
});

test('a payout up to the stake is no win', () => {
  for (const [payout, is] of [
    [0, false],
    [5, false],
    [6, true],
  ])
    assert.equal(
      won(after(SPIN, answered({ ...SOME, payout, round: { ...SOME.round, payout } }), RESTED)),
      is,
      `${payout} on 5`,
    );
});

test('two equal symbols light two reels, and nothing lights none', () => {
  const two = { ...spin([15, 23, 17], 60), symbols: ['cherry', 'cherry', 'lemon'] };
  assert.deepEqual(hit(after(SPIN, answered(two), RESTED)), { symbol: 'cherry', reels: 2 });
  assert.equal(hit(after(SPIN, answered(NOTHING), RESTED)), null);
});

test('a spin that a reload interrupted is told at once', () => {
  const state = next(begin(), { type: 'resumed', spin: CHERRIES });
  assert.equal(state.phase, 'told');
  assert.deepEqual(state.stops, CHERRIES.stops);
  assert.ok(won(state));
});

test('the newest earlier round is shown, but not told again; a spin that began first is not disturbed', () => {
  const state = next(begin(), { type: 'before', round: CHERRIES.round });
  assert.deepEqual(state.stops, CHERRIES.stops);
  assert.equal(won(state), false);
  assert.equal(state.last, CHERRIES.round);
  const spinning = next(after(SPIN), { type: 'before', round: CHERRIES.round });
  assert.ok(turning(spinning));
  assert.deepEqual(spinning.stops, IDLE);
});
