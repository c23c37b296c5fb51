// How a table becomes the next: card by card. Pure.

/**
 * @typedef {import('../../app/types.js').BlackjackRound} BlackjackRound
 * @typedef {import('../../app/types.js').Card} Card
 *
 * @typedef {Card|null} Lying null: face down
 * @typedef {{dealer: Lying[], hands: Lying[][]}} Table what lies where
 *
 * @typedef {object} Step one card
 * @property {number} to the hand; -1: the dealer
 * @property {Lying} card
 * @property {boolean} turns it is the dealer's hole card, which turns where it lies
 */

/** @type {Table} */
export const EMPTY = { dealer: [], hands: [] };

/** The cards of a round as they lie. @param {BlackjackRound} round @returns {Table} */
export function lying({ dealer, hands }) {
  const down = Array.from({ length: dealer.hidden }, () => null);
  return { dealer: [...dealer.cards, ...down], hands: hands.map((hand) => hand.cards) };
}

/**
 * How a round came from what lay before: the table that it starts from, and each card in turn. Nothing where too much
 * has happened since: then it is laid out at once.
 * @param {BlackjackRound|null} before
 * @param {BlackjackRound} after
 * @returns {{from: Table, steps: Step[]}|null}
 */
export function course(before, after) {
  const { dealer } = after;
  const hidden = dealer.hidden > 0;
  /** @param {Card} card @param {number} to @param {boolean} [turns] @returns {Step} */
  const step = (card, to, turns = false) => ({ to, card, turns });
  const drawn = hidden ? [] : dealer.cards.slice(1).map((card, i) => step(card, -1, i === 0));
  if (before?.round.id !== after.round.id) {
    if (after.hands.length !== 1) return null;
    const [first, second, ...more] = after.hands[0].cards.map((card) => step(card, 0));
    const hole = { to: -1, card: null, turns: false };
    return { from: EMPTY, steps: [first, step(dealer.cards[0], -1), second, hole, ...more, ...drawn] };
  }
  if (before.settled || taken(after) - taken(before) !== 1) return null;
  const from = lying(before);
  const split = after.hands.length > before.hands.length;
  if (split) {
    const at = before.hands.findIndex((hand) => hand.active);
    const [first, second] = before.hands[at].cards;
    from.hands = [...from.hands.slice(0, at), [first], [second], ...from.hands.slice(at + 1)];
  }
  const fresh = after.hands.flatMap((hand, i) => hand.cards.slice(from.hands[i].length).map((card) => step(card, i)));
  return { from, steps: [...fresh, ...drawn] };
}

/** How many actions a round has taken. @param {BlackjackRound} round */
function taken({ round }) {
  return round.actions?.length ?? 0;
}

/** The table after a step. @param {Table} table @param {Step} step @returns {Table} */
export function put({ dealer, hands }, { to, card, turns }) {
  if (to < 0) return { dealer: [...(turns ? dealer.slice(0, -1) : dealer), card], hands };
  const grown = Array.from({ length: Math.max(hands.length, to + 1) }, (_, i) => hands[i] ?? []);
  grown[to] = [...grown[to], card];
  return { dealer, hands: grown };
}
