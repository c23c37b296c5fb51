// The guests' demo against the computation that verifies the casino's rounds: what is paid, what is allowed, what adds up.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Demo } from '../static/assets/js/games/demo.js';
import { prove, differences } from '../static/assets/js/fair/core.js';

const TABLES = [
  { game: 'slots', enabled: true, rules: 'slots/2', min_stake: 1, max_stake: 500, sheet: null },
  { game: 'roulette', enabled: true, rules: 'roulette/2', min_stake: 1, max_stake: 300, max_bet: 100, sheet: null },
  { game: 'blackjack', enabled: true, rules: 'blackjack/1', min_stake: 2, max_stake: 400, sheet: null },
];
const SEED = '0123456789abcdef'.repeat(4);

const begin = (/** @type {string} */ seed = SEED) => Demo.begin(TABLES, seed, 'a guest');

/** @param {any} round */
const question = (round) => ({
  rules: round.rules,
  serverSeed: round.server_seed,
  commitment: round.commitment,
  clientSeed: round.client_seed,
  nonce: round.nonce,
  stake: round.stake,
  bets: round.bets ?? [],
  actions: round.actions ?? [],
});

/** @param {Promise<any>} asked @param {string} code */
async function refused(asked, code) {
  await assert.rejects(asked, (/** @type {any} */ error) => {
    assert.equal(error.code, code);
    return true;
  });
}

test('outcomes are those of the proof, and coins add up', async () => {
  const demo = await begin();
  let coins = demo.coins;
  const bets = [
    { type: 'straight', numbers: [17], amount: 2 },
    { type: 'red', amount: 3 },
    { type: 'dozen', selection: 2, amount: 1 },
  ];
  let held = 0;
  for (let i = 0; i < 200; i += 1) {
    let answer;
    if (i % 3 === 0) answer = await demo.ask('/games/slots/spins', { stake: 1 + (i % 5) });
    else if (i % 3 === 1) answer = await demo.ask('/games/roulette/spins', { bets });
    else {
      answer = await demo.ask('/games/blackjack/rounds', { stake: 2 + (i % 7) });
      for (let turn = i; !answer.settled; turn += 1) {
        assert.equal(answer.held_coins, answer.round.staked);
        assert.equal(answer.coins, coins - answer.round.staked);
        const { round, allowed_actions: allowed } = answer;
        const action = allowed[turn % allowed.length];
        answer = await demo.ask(`/games/blackjack/rounds/${round.id}/actions`, { action, taken: round.actions.length });
      }
    }
    const { round } = answer;
    const proof = await prove(question(round));
    assert.equal(proof.committed, true);
    assert.deepEqual(differences(proof, round), []);
    assert.equal(answer.payout, proof.payout);
    assert.equal(round.nonce, i, 'each round has the next nonce');
    coins += proof.payout - proof.staked;
    assert.equal(answer.coins, coins);
    assert.equal(answer.held_coins, 0);
    held += answer.held_coins;
    if (coins < 60) {
      demo.give();
      coins += 1000;
    }
  }
  assert.equal(held, 0);
  assert.equal(demo.coins, coins);
});

test('what blackjack allows is taken, and all else is refused', async () => {
  const every = ['hit', 'stand', 'double', 'split', 'surrender', 'insurance', 'decline_insurance'];
  const seen = new Set();
  for (let i = 0; i < 60; i += 1) {
    const demo = await begin();
    demo.seeds.nonce = i;
    demo.coins = 100;
    let now = await demo.ask('/games/blackjack/rounds', { stake: 10 });
    while (!now.settled) {
      const path = `/games/blackjack/rounds/${now.round.id}/actions`;
      for (const action of every)
        if (!now.allowed_actions.includes(action)) await refused(demo.ask(path, { action }), 'action_not_allowed');
      const action = now.allowed_actions[(i + now.round.actions.length) % now.allowed_actions.length];
      seen.add(action);
      now = await demo.ask(path, { action });
      assert.equal(now.round.actions.at(-1), action);
    }
    await refused(demo.ask(`/games/blackjack/rounds/${now.round.id}/actions`, { action: 'hit' }), 'round_settled');
    assert.deepEqual(now.allowed_actions, []);
  }
  assert.deepEqual([...seen].sort(), [...every].sort(), 'the rounds came by every action');
});

test('the limits of the table and the coins hold, and a refusal costs nothing', async () => {
  const demo = await begin();
  demo.coins = 350;
  const spin = (/** @type {any} */ stake) => demo.ask('/games/slots/spins', { stake });
  for (const stake of [0, -1, 501, 1.5, NaN, '5']) await refused(spin(stake), 'stake_out_of_range');
  await refused(spin(351), 'insufficient_coins');
  const roulette = (/** @type {any[]} */ bets) => demo.ask('/games/roulette/spins', { bets });
  const red = (/** @type {number} */ amount) => ({ type: 'red', amount });
  await refused(roulette([]), 'invalid_bet');
  await refused(roulette(Array.from({ length: 101 }, () => red(1))), 'invalid_bet');
  await refused(roulette([red(101)]), 'stake_out_of_range');
  await refused(roulette([red(60), red(41)]), 'stake_out_of_range');
  await refused(
    roulette([
      { type: 'split', numbers: [17, 20], amount: 60 },
      { type: 'split', numbers: [20, 17], amount: 60 },
    ]),
    'stake_out_of_range',
  );
  await refused(roulette(['red', 'black', 'odd', 'even'].map((type) => ({ type, amount: 100 }))), 'stake_out_of_range');
  await refused(roulette([{ type: 'split', numbers: [1, 3], amount: 1 }]), 'invalid_bet');
  await refused(roulette([{ type: 'straight', numbers: [37], amount: 1 }]), 'invalid_bet');
  await refused(demo.ask('/games/blackjack/rounds', { stake: 1 }), 'stake_out_of_range');
  await refused(demo.ask('/games/blackjack/rounds/9/actions', { action: 'hit' }), 'round_not_found');
  await refused(demo.ask('/games/poker/rounds', {}), 'not_found');
  assert.equal(demo.coins, 350);
  assert.equal(demo.seeds.nonce, 0, 'a refused bet uses no nonce');
  assert.equal((await spin(5)).round.nonce, 0);
});

test('a raise needs its coins, and what was seen can be acted on once', async () => {
  for (let nonce = 0; ; nonce += 1) {
    const demo = await begin();
    demo.seeds.nonce = nonce;
    demo.coins = 15;
    const now = await demo.ask('/games/blackjack/rounds', { stake: 10 });
    if (!now.allowed_actions.includes('double')) continue;
    const path = `/games/blackjack/rounds/${now.round.id}/actions`;
    await refused(demo.ask(path, { action: 'double', taken: 0 }), 'insufficient_coins');
    await refused(demo.ask('/games/blackjack/rounds', { stake: 2 }), 'round_open');
    await refused(demo.ask(path, { action: 'toss' }), 'unknown_action');
    const both = await Promise.allSettled(
      ['stand', 'stand'].map((action) => demo.ask(path, { action, taken: now.round.actions.length })),
    );
    assert.deepEqual(
      both.map((x) => x.status),
      ['fulfilled', 'rejected'],
    );
    assert.equal(/** @type {any} */ (both[1]).reason.code, 'round_moved');
    return;
  }
});

test('a closed game takes no rounds', async () => {
  const demo = await Demo.begin(
    TABLES.map((table) => ({ ...table, enabled: false })),
    SEED,
    'a guest',
  );
  await refused(demo.ask('/games/slots/spins', { stake: 1 }), 'game_disabled');
});

test('seeds differ from guest to guest', async () => {
  const [one, two] = await Promise.all([Demo.begin(TABLES), Demo.begin(TABLES)]);
  assert.match(one.seeds.server_seed, /^[0-9a-f]{64}$/);
  assert.notEqual(one.seeds.server_seed, two.seeds.server_seed);
  assert.notEqual(one.seeds.client_seed, two.seeds.client_seed);
});
