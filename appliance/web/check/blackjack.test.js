// What the blackjack table shows after what has happened.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as machine from '../static/assets/js/games/blackjack/machine.js';
import { EMPTY, course, lying, put } from '../static/assets/js/games/blackjack/dealing.js';

const { actions, begin, busy, news, next, open, says, totalText, won } = machine;

/** @param {string} text such as "KS": the king of spades */
function card(text) {
  const ranks = { A: 'ace', J: 'jack', Q: 'queen', K: 'king', T: '10' };
  const suits = { C: 'clubs', D: 'diamonds', H: 'hearts', S: 'spades' };
  return { rank: ranks[text[0]] ?? text[0], suit: suits[text[1]] };
}
const cards = (text) => text.split(' ').map(card);

/** A hand; an active one has a star: "*TS 6H". */
function hand(text, more = {}) {
  const held = cards(text.replace('*', ''));
  return {
    cards: held,
    total: 0,
    soft: false,
    stake: 10,
    doubled: false,
    active: text[0] === '*',
    result: null,
    payout: 0,
    ...more,
  };
}

/** An open round. */
function table({ id = '7', dealer = '9S', hands = ['*TS 6H'], allowed = ['hit', 'stand'], taken = [], ...more } = {}) {
  const all = hands.map((h) => (typeof h === 'string' ? hand(h) : h));
  const seen = { cards: cards(dealer), hidden: 1, total: 9, soft: false, blackjack: false };
  const round = { id, stake: 10, staked: 10, payout: 0, settled: false, actions: taken };
  return {
    round,
    dealer: seen,
    hands: all,
    insurance: null,
    allowed_actions: allowed,
    settled: false,
    payout: 0,
    ...more,
  };
}

/** The same, settled. */
function settled(of, payout = 0) {
  const now = table({ allowed: [], dealer: '9S KD', ...of });
  now.dealer.hidden = 0;
  return { ...now, settled: true, payout, round: { ...now.round, settled: true, payout } };
}

/** A round as the live line reports it. */
function reported({ round, dealer, hands, insurance, allowed_actions, settled, payout }) {
  return { ...round, settled, payout, outcome: { dealer, hands, insurance, allowed_actions, settled } };
}

/** @param {...any} events */
const after = (...events) => events.reduce(next, begin());

const answered = (round) => ({ type: 'answered', round });
const deal = { type: 'deal' };
const rested = { type: 'rested' };
const hit = { type: 'act', action: 'hit' };

test('a round from the deal to its end', () => {
  let state = begin();
  assert.equal(state.phase, 'betting');
  assert.deepEqual(says(state), { key: 'blackjack.ready' });
  state = next(state, deal);
  assert.equal(state.phase, 'waiting');
  assert.ok(busy(state) && !open(state));
  assert.deepEqual(says(state), { key: 'blackjack.dealing' });
  state = next(state, answered(table()));
  assert.equal(state.phase, 'dealing');
  assert.ok(busy(state));
  state = next(state, rested);
  assert.equal(state.phase, 'playing');
  assert.equal(says(state)?.key, 'blackjack.turn');
  state = next(state, hit);
  assert.equal(state.phase, 'waiting');
  assert.equal(says(state)?.key, 'blackjack.turn', 'until the answer is shown, the words stay');
  state = next(state, answered(settled({ hands: ['TS 6H 5C'], taken: ['hit'] }, 20)));
  assert.ok(!won(state), 'the result is not told before the cards lie');
  state = next(state, rested);
  assert.equal(state.phase, 'told');
  assert.ok(won(state) && !open(state) && says(state) === null);
  state = next(state, deal);
  assert.equal(state.round, null);
  assert.equal(state.last?.id, '7', 'the last round can still be verified');
});

test('while an answer is awaited or shown, nothing else starts', () => {
  const waiting = after(deal);
  const dealing = next(waiting, answered(table()));
  const playing = next(dealing, rested);
  for (const state of [waiting, dealing, next(playing, hit)])
    for (const event of [deal, hit, { type: 'follow' }]) assert.equal(next(state, event), state);
  assert.equal(next(playing, deal), playing, 'an open round is finished first');
  assert.equal(next(playing, { type: 'act', action: 'split' }), playing, 'only what is allowed is sent');
  assert.equal(next(playing, answered(table({ id: '8' }))), playing, 'nobody asked');
  assert.equal(next(begin(), hit).phase, 'betting');
});

test('buttons that have just appeared are fresh, until they are steady', () => {
  const playing = after(deal, answered(table()), rested);
  assert.ok(playing.fresh);
  assert.ok(!next(playing, { type: 'steady' }).fresh);
  const over = next(next(next(playing, { type: 'steady' }), hit), answered(settled({ taken: ['hit'] })));
  assert.ok(next(over, rested).fresh);
  assert.ok(after({ type: 'laid', round: table(), notice: 'resumed' }).fresh);
  assert.ok(after(deal, { type: 'refused', words: 'no', code: 'x' }).fresh);
});

test('a refusal is said, and the next press may follow', () => {
  let state = after(deal, { type: 'refused', words: 'Too little.', code: 'insufficient_coins' });
  assert.equal(state.phase, 'refused');
  assert.equal(says(state), null);
  assert.equal(state.refusal, 'Too little.');
  assert.equal(next(state, deal).refusal, '');
  state = after(deal, answered(table()), rested, hit, {
    type: 'refused',
    words: 'Too little.',
    code: 'insufficient_coins',
  });
  assert.ok(open(state) && !busy(state), 'the round goes on');
  assert.equal(next(state, hit).phase, 'waiting');
});

test('an answer behind: the page asks how the table stands, and says why it changed', () => {
  const behind = after(deal, answered(table()), rested, hit, {
    type: 'refused',
    words: 'It went on.',
    code: 'round_moved',
  });
  assert.ok(behind.behind && busy(behind), 'nothing is accepted meanwhile');
  const now = table({ hands: ['*TS 2H 2C'], taken: ['hit'] });
  let state = next(behind, { type: 'laid', round: now, notice: 'moved' });
  assert.equal(state.phase, 'playing');
  assert.equal(state.notice, 'moved');
  assert.equal(state.refusal, '');
  assert.ok(!state.behind);
  state = next(behind, { type: 'laid', round: null, notice: 'moved' });
  assert.equal(state.phase, 'refused', 'no round is open: the refusal stands');
  assert.equal(state.round, null);
  state = next(behind, { type: 'refused', words: 'It went on.', code: '' });
  assert.equal(state.phase, 'refused', 'the casino could not be asked');
  assert.ok(!state.behind && open(state));
  state = after(deal, { type: 'refused', words: 'Another is open.', code: 'round_open' });
  assert.ok(next(state, { type: 'laid', round: now, notice: 'moved' }).phase === 'playing');
});

test('an interrupted round is resumed', () => {
  let state = after({ type: 'laid', round: table(), notice: 'resumed' });
  assert.equal(state.phase, 'playing');
  assert.equal(state.notice, 'resumed');
  state = next(state, hit);
  state = next(state, answered(table({ hands: ['*TS 2H 2C'], taken: ['hit'] })));
  assert.equal(state.notice, '', 'the notice goes with the next answer');
  const late = after(deal, { type: 'laid', round: settled(), notice: '' });
  assert.equal(late.phase, 'waiting', 'nothing is laid over what is being dealt');
  assert.equal(late.heard?.id, '7', 'but it is not forgotten');
});

test('a lost answer: the page waits, and what it hears meanwhile is not shown twice', () => {
  const waiting = after(deal, answered(table()), rested, hit);
  const now = table({ hands: ['*TS 2H 2C'], taken: ['hit'] });
  let state = next(waiting, { type: 'heard', round: reported(now) });
  assert.equal(state.phase, 'waiting');
  assert.ok(news(state));
  state = next(next(state, answered(now)), rested);
  assert.ok(!news(state), 'it was this page itself');
  assert.equal(next(state, { type: 'follow' }).phase, 'playing');
});

test('a round that is played elsewhere is followed', () => {
  const first = reported(table());
  let state = next(next(begin(), { type: 'heard', round: first }), { type: 'follow' });
  assert.equal(state.phase, 'dealing');
  assert.equal(state.notice, 'moved');
  assert.deepEqual(state.round?.hands, table().hands);
  state = next(state, rested);
  const over = reported(settled({ taken: ['stand'] }));
  state = next(state, { type: 'heard', round: over });
  state = next(state, { type: 'heard', round: first });
  assert.equal(state.heard?.settled, true, 'an older report changes nothing');
  state = next(next(state, { type: 'follow' }), rested);
  assert.equal(state.phase, 'told');
  assert.equal(next(state, { type: 'heard', round: first }).heard?.settled, first.settled);
  state = next(next(state, { type: 'heard', round: first }), { type: 'follow' });
  assert.equal(state.phase, 'told', 'what is over does not open again');
});

test('what is heard while the table is busy is shown afterwards, the newest only', () => {
  let state = after(deal);
  state = next(state, { type: 'heard', round: reported(table({ id: '9' })) });
  state = next(state, { type: 'heard', round: reported(settled({ id: '8' })) });
  state = next(next(state, answered(settled({ id: '7' }))), rested);
  assert.ok(news(state));
  state = next(state, { type: 'follow' });
  assert.equal(state.round?.round.id, '9');
});

test('the actions that the rules offer, with what they cost', () => {
  const pair = table({ hands: ['*TS KH'], allowed: ['hit', 'stand', 'double', 'split', 'surrender'] });
  const playing = after(deal, answered(pair), rested);
  assert.deepEqual(
    actions(playing, 10).map(({ name, costs, can }) => `${name} ${costs} ${can}`),
    ['hit 0 true', 'stand 0 true', 'double 10 true', 'split 10 true', 'surrender 0 true'],
  );
  assert.deepEqual(actions(begin(), 10), []);
  assert.deepEqual(actions(after(deal, answered(settled({})), rested), 10), []);
});

test('out of coins: what cannot be paid is still shown with its price', () => {
  // The casino leaves out what the player can't pay.
  const pair = table({ hands: ['*TS KH'], allowed: ['hit', 'stand', 'surrender'] });
  const shown = actions(after(deal, answered(pair), rested), 9);
  assert.deepEqual(
    shown.filter(({ can }) => !can).map(({ name, costs }) => `${name} ${costs}`),
    ['double 10', 'split 10'],
  );
  const ace = table({ dealer: 'AS', hands: ['TS KH'], allowed: ['decline_insurance'] });
  assert.deepEqual(
    actions(after(deal, answered(ace), rested), 4).map(({ name, costs, can }) => `${name} ${costs} ${can}`),
    ['insurance 5 false', 'decline_insurance 0 true'],
  );
  const three = table({ hands: ['*TS 2H 3C'], allowed: ['hit', 'stand'] });
  assert.equal(
    actions(after(deal, answered(three), rested), 0).length,
    2,
    'three cards can neither be doubled nor split',
  );
  const unlike = table({ hands: ['*TS 9H'], allowed: ['hit', 'stand'] });
  assert.ok(!actions(after(deal, answered(unlike), rested), 0).some(({ name }) => name === 'split'));
  const four = table({ hands: ['*8S 8H', '8C 2D', '8D 3D', '8S 4D'], allowed: ['hit', 'stand'] });
  assert.ok(
    !actions(after(deal, answered(four), rested), 0).some(({ name }) => name === 'split'),
    'four hands are the most',
  );
});

test('insurance is offered in words', () => {
  const ace = table({ dealer: 'AS', hands: ['TS 6H'], allowed: ['insurance', 'decline_insurance'] });
  const state = after(deal, answered(ace), rested);
  assert.equal(says(state)?.key, 'blackjack.offer_insurance');
  assert.deepEqual(
    actions(state, 100).map(({ name, costs }) => `${name} ${costs}`),
    ['insurance 5', 'decline_insurance 0'],
  );
});

test('split hands: the words name the one that plays', () => {
  const split = table({ hands: ['8S TD', '*8H 3D'], taken: ['split', 'stand'] });
  const said = says(after(deal, answered(split), rested));
  assert.equal(said?.key, 'blackjack.turn_n');
  assert.equal(said?.n, 2);
});

test('a payout up to the stakes is no win', () => {
  const over = { ...settled({ taken: ['split'] }, 20) };
  over.round.staked = 20;
  assert.ok(!won(after(deal, answered(over), rested)));
});

test('soft totals show both values while more cards may come', () => {
  assert.equal(totalText({ total: 17, soft: true }), '7/17');
  assert.equal(totalText({ total: 17, soft: true }, true), '17');
  assert.equal(totalText({ total: 21, soft: true }), '21');
  assert.equal(totalText({ total: 16, soft: false }), '16');
});

/** Deals a course to its end: who gets which card, and what lies then. */
function run(before, after) {
  const way = course(before, after);
  if (!way) return null;
  const name = (c) => (c ? c.rank[0].toUpperCase() + c.suit[0] : '?');
  return {
    dealt: way.steps.map(({ to, card, turns }) => `${to < 0 ? 'dealer' : to}${turns ? ' turns' : ''} ${name(card)}`),
    lies: way.steps.reduce(put, way.from),
  };
}

test('the deal: player, dealer, player, and the hole card face down', () => {
  const { dealt, lies } = run(null, table());
  assert.deepEqual(dealt, ['0 1s', 'dealer 9s', '0 6h', 'dealer ?']);
  assert.deepEqual(lies, lying(table()));
  const won = settled({ hands: ['AS KH'], dealer: '9S KD' });
  assert.deepEqual(run(null, won).dealt.slice(3), ['dealer ?', 'dealer turns Kd']);
  assert.deepEqual(run(null, won).lies, lying(won));
});

test('an action deals what is new; at the end the hole card turns and the dealer draws', () => {
  const before = table();
  const more = table({ hands: ['*TS 6H 2C'], taken: ['hit'] });
  assert.deepEqual(run(before, more).dealt, ['0 2c']);
  const over = settled({ hands: ['TS 6H 2C'], dealer: '9S 2D 6C', taken: ['hit', 'stand'] });
  assert.deepEqual(run(more, over).dealt, ['dealer turns 2d', 'dealer 6c']);
  assert.deepEqual(run(more, over).lies, lying(over));
});

test('a split moves the second card of the hand that plays, and deals to both', () => {
  const before = table({ hands: ['8S TD', '*8H 8C'], taken: ['split', 'stand'] });
  const split = table({ hands: ['8S TD', '*8H 3D', '8C 4D'], taken: ['split', 'stand', 'split'] });
  const { dealt, lies } = run(before, split);
  assert.deepEqual(dealt, ['1 3d', '2 4d']);
  assert.deepEqual(lies, lying(split));
});

test('after more than one step the table is laid out at once', () => {
  const over = settled({ hands: ['TS 6H 2C'], taken: ['hit', 'stand'] });
  assert.equal(course(table(), over), null);
  assert.equal(course(null, table({ hands: ['8S TD', '*8H 3D'], taken: ['split'] })), null);
  assert.equal(course(over, over), null);
  assert.deepEqual(lying({ dealer: { cards: [], hidden: 0 }, hands: [] }), EMPTY);
});
