import { test } from 'node:test';
import assert from 'node:assert/strict';
import { begin, after, end, running, ROUNDS } from '../static/assets/js/games/autoplay.js';

const lost = (/** @type {number} */ coins) => ({ staked: 5, payout: 0, coins });

/** Plays rounds until autoplay ends; returns how many there were, and its end. */
function play(stops, coins, payouts) {
  let auto = begin(stops, coins);
  let rounds = 0;
  for (const payout of payouts) {
    if (!running(auto)) break;
    coins += payout - 5;
    rounds += 1;
    auto = after(auto, { staked: 5, payout, coins });
  }
  return { rounds, auto };
}

test('it ends after its rounds, and counts them down', () => {
  let auto = begin({ rounds: 2, loss: 1000 }, 100);
  assert.equal(auto.left, 2);
  auto = after(auto, lost(95));
  assert.deepEqual([auto.left, auto.ended], [1, null]);
  auto = after(auto, lost(90));
  assert.deepEqual([auto.left, auto.ended], [0, 'rounds']);
});

test('it never loses more than the limit', () => {
  for (const [loss, rounds] of [
    [5, 1],
    [9, 1],
    [10, 2],
    [24, 4],
  ]) {
    const { rounds: played, auto } = play({ rounds: 100, loss }, 1000, Array(100).fill(0));
    assert.deepEqual([played, auto.ended], [rounds, 'loss'], `a limit of ${loss}`);
    assert.ok(-auto.net <= loss);
  }
});

test('what was won can be lost again', () => {
  const { rounds, auto } = play({ rounds: 100, loss: 10 }, 1000, [25, ...Array(99).fill(0)]);
  assert.deepEqual([rounds, auto.ended, auto.net], [7, 'loss', -10]);
});

test('a single win ends it, its stake not counted', () => {
  assert.equal(play({ rounds: 3, loss: 100, win: 20 }, 100, [24]).auto.ended, null);
  const { rounds, auto } = play({ rounds: 3, loss: 100, win: 20 }, 100, [0, 25, 0]);
  assert.deepEqual([rounds, auto.ended], [2, 'win']);
});

test('a balance ends it, from above and from below', () => {
  assert.equal(play({ rounds: 9, loss: 100, below: 90 }, 100, [0]).auto.ended, null);
  assert.equal(play({ rounds: 9, loss: 100, below: 90 }, 100, [0, 0]).auto.ended, 'balance');
  assert.equal(play({ rounds: 9, loss: 100, above: 120 }, 100, [24]).auto.ended, null);
  assert.equal(play({ rounds: 9, loss: 100, above: 120 }, 100, [25]).auto.ended, 'balance');
});

test('it ends when the coins are too few for the same stake', () => {
  const { rounds, auto } = play({ rounds: 9, loss: 100 }, 14, Array(9).fill(0));
  assert.deepEqual([rounds, auto.ended], [2, 'coins']);
});

test('the first reason to end it counts; the round under way is still counted', () => {
  const auto = end(begin({ rounds: 5, loss: 100 }, 100), 'stopped');
  assert.equal(auto.ended, 'stopped');
  assert.equal(end(auto, 'hidden').ended, 'stopped');
  const last = after(auto, lost(95)); // the round that was under way
  assert.deepEqual([last.ended, last.net, last.left], ['stopped', -5, 4]);
  assert.equal(running(auto), false);
  assert.equal(running(null), false);
});

test('there is none without an end, and none without a limit', () => {
  for (const stops of [
    { rounds: Infinity, loss: 10 },
    { rounds: 101, loss: 10 },
    { rounds: 0, loss: 10 },
    { rounds: 10, loss: 0 },
    { rounds: 10, loss: Infinity },
    { rounds: 10, loss: NaN },
  ])
    assert.throws(() => begin(stops, 100), RangeError, JSON.stringify(stops));
  for (const rounds of ROUNDS) assert.ok(running(begin({ rounds, loss: 1 }, 100)));
});
