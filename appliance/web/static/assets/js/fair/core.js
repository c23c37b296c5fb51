// Fairness, version 1: a round computed from its seeds, with nothing from the house but the numbers. This file imports
// nothing, so that it also runs in the page that a player saves to disk; docs/GAMES.md is its specification.

/**
 * @typedef {object} Question
 * @property {string} rules e.g. "slots/2"
 * @property {string} serverSeed 64 hex digits
 * @property {string} commitment 64 hex digits; empty: not compared
 * @property {string} clientSeed
 * @property {number} nonce
 * @property {number} stake
 * @property {{type: string, numbers?: number[], selection?: number, amount: number}[]} bets roulette
 * @property {string[]} actions blackjack
 *
 * @typedef {{block: number, word: string, n: bigint, value: bigint|null}} Draw value null: the word was passed over
 *
 * @typedef {object} Proof
 * @property {string} commitment of the server seed, as computed here
 * @property {boolean|null} committed whether it is the one that was shown; null: none was given
 * @property {{block: number, message: string, mac: string}[]} blocks
 * @property {Draw[]} draws
 * @property {any} outcome
 * @property {number} staked
 * @property {number} payout
 */

/** @param {string} hex */
export function bytesOf(hex) {
  const clean = hex.trim().toLowerCase();
  if (!/^([0-9a-f]{2})*$/.test(clean)) throw new Error('hex');
  return Uint8Array.from(clean.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** @param {ArrayBuffer|Uint8Array} buffer */
export function hexOf(buffer) {
  return Array.from(new Uint8Array(buffer), (b) => b.toString(16).padStart(2, '0')).join('');
}

/** The commitment: SHA-256 of the seed's bytes. @param {string} serverSeed */
export async function commitmentOf(serverSeed) {
  return hexOf(await crypto.subtle.digest('SHA-256', bytesOf(serverSeed)));
}

/** The random words of one round. */
export class Stream {
  /** @type {{block: number, message: string, mac: string}[]} */
  blocks = [];
  /** @type {Draw[]} */
  draws = [];
  /** @type {bigint[]} */
  #words = [];

  /** @param {CryptoKey} key @param {string} rules @param {string} clientSeed @param {number} nonce */
  constructor(key, rules, clientSeed, nonce) {
    this.key = key;
    this.prefix = ['imperio/v1', rules, clientSeed, String(nonce)];
  }

  /** @param {Question} q */
  static async of(q) {
    const key = await crypto.subtle.importKey('raw', bytesOf(q.serverSeed), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    return new Stream(key, q.rules, q.clientSeed, q.nonce);
  }

  /** The next word: four a block, big-endian. */
  async #word() {
    if (this.#words.length === 0) {
      const j = this.blocks.length;
      const parts = [...this.prefix, String(j)];
      const mac = await crypto.subtle.sign('HMAC', this.key, new TextEncoder().encode(parts.join('\0')));
      const view = new DataView(mac);
      for (let i = 0; i < 4; i += 1) this.#words.push(view.getBigUint64(8 * i));
      this.blocks.push({ block: j, message: parts.join(' ∅ '), mac: hexOf(mac) });
    }
    return /** @type {bigint} */ (this.#words.shift());
  }

  /** A number in 0 … n − 1, for the games' small n. @param {number} n */
  async uniform(n) { return Number(await this.uniformBig(BigInt(n))); }

  /** A number in 0 … n − 1, exactly uniform: words at the end of the range are passed over. @param {bigint} n 1 … 2^64 − 1 */
  async uniformBig(n) {
    const limit = (1n << 64n) - ((1n << 64n) % n);
    for (;;) {
      const word = await this.#word();
      const block = this.blocks.length - 1;
      const hex = word.toString(16).padStart(16, '0');
      if (word < limit) {
        const value = word % n;
        this.draws.push({ block, word: hex, n, value });
        return value;
      }
      this.draws.push({ block, word: hex, n, value: null });
    }
  }
}

const REELS = [
  ['cherry', 'lemon', 'lemon', 'banana', 'banana', 'lemon', 'apple', 'lemon'],
  ['lemon', 'lemon', 'banana', 'apple', 'cherry', 'lemon', 'lemon', 'apple'],
  ['lemon', 'lemon', 'banana', 'lemon', 'cherry', 'apple', 'lemon', 'apple'],
];

/** Pays for three and for two of a kind, times the stake. @type {Record<string, Record<string, [number, number]>>} */
const SLOT_PAYS = {
  'slots/1': { cherry: [50, 40], apple: [20, 10], banana: [15, 5], lemon: [3, 0] },
  'slots/2': { cherry: [60, 12], apple: [20, 6], banana: [15, 3], lemon: [2, 0] },
};

/** @param {Stream} stream @param {Question} q */
async function playSlots(stream, q) {
  const stops = [];
  for (let reel = 0; reel < 3; reel += 1) stops.push(15 + await stream.uniform(16));
  const symbols = stops.map((stop, reel) => REELS[reel][Math.ceil(stop / 2) - 8]);
  const [three, two] = SLOT_PAYS[q.rules][symbols[0]];
  const multiplier = symbols[0] !== symbols[1] ? 0 : symbols[1] === symbols[2] ? three : two;
  return { outcome: { stops, symbols, multiplier }, staked: q.stake, payout: q.stake * multiplier };
}

const REDS = new Set([1, 3, 5, 7, 9, 12, 14, 16, 18, 19, 21, 23, 25, 27, 30, 32, 34, 36]);
/** @type {Record<string, number>} */
const ODDS = { straight: 35, split: 17, street: 11, trio: 11, corner: 8, first_four: 8, six_line: 5, dozen: 2, column: 2, low: 1, high: 1, red: 1, black: 1, odd: 1, even: 1 };

/** @param {{type: string, numbers?: number[], selection?: number}} bet @param {number} n */
function betWins(bet, n) {
  if (bet.numbers?.length) return bet.numbers.includes(n);
  if (n === 0) return false;
  const k = bet.selection ?? 0;
  switch (bet.type) {
    case 'dozen': return Math.ceil(n / 12) === k;
    case 'column': return n % 3 === k % 3;
    case 'low': return n <= 18;
    case 'high': return n >= 19;
    case 'red': return REDS.has(n);
    case 'black': return !REDS.has(n);
    case 'odd': return n % 2 === 1;
    case 'even': return n % 2 === 0;
    default: return false;
  }
}

/** @param {Stream} stream @param {Question} q */
async function playRoulette(stream, q) {
  const pocket = await stream.uniform(37);
  const partage = q.rules === 'roulette/2';
  const bets = q.bets.map((bet) => {
    const wins = betWins(bet, pocket);
    const half = partage && pocket === 0 && ODDS[bet.type] === 1;
    return { ...bet, payout: wins ? bet.amount * (ODDS[bet.type] + 1) : half ? Math.floor(bet.amount / 2) : 0 };
  });
  return {
    outcome: { pocket, color: pocket === 0 ? 'green' : REDS.has(pocket) ? 'red' : 'black', bets },
    staked: bets.reduce((sum, bet) => sum + bet.amount, 0), payout: bets.reduce((sum, bet) => sum + bet.payout, 0),
  };
}

const RANKS = ['ace', '2', '3', '4', '5', '6', '7', '8', '9', '10', 'jack', 'queen', 'king'];
const SUIT_NAMES = ['clubs', 'diamonds', 'hearts', 'spades'];

/** @param {number} card */
const valueOf = (card) => Math.min((card % 13) + 1, 10);

/** @param {number[]} cards */
function countOf(cards) {
  const total = cards.reduce((sum, c) => sum + valueOf(c), 0);
  return cards.some((c) => valueOf(c) === 1) && total <= 11 ? total + 10 : total;
}

/** @param {number[]} cards */
const isNatural = (cards) => cards.length === 2 && countOf(cards) === 21;

/** @typedef {{cards: number[], stake: number, state: 'open'|'standing'|'bust'|'surrender'}} FairHand */

/** @param {Stream} stream @param {Question} q */
async function playBlackjack(stream, q) {
  const shoe = Array.from({ length: 312 }, (_, i) => i);
  let dealt = 0;
  const next = async () => {
    const j = dealt + await stream.uniform(312 - dealt);
    [shoe[dealt], shoe[j]] = [shoe[j], shoe[dealt]];
    dealt += 1;
    return shoe[dealt - 1];
  };
  /** @type {FairHand[]} */
  const hands = [{ cards: [], stake: q.stake, state: 'open' }];
  /** @type {number[]} */
  const dealer = [];
  for (const to of [hands[0].cards, dealer, hands[0].cards, dealer]) to.push(await next());
  let insurance = 0;
  const actions = [...q.actions];
  if (valueOf(dealer[0]) === 1) {
    const decision = actions.shift();
    if (decision === 'insurance') insurance = Math.floor(q.stake / 2);
    else if (decision !== 'decline_insurance') return unfinished(dealer, hands, q.stake, false);
  }
  const ended = isNatural(dealer) || isNatural(hands[0].cards);
  /** @param {FairHand} hand */
  const take = async (hand) => {
    hand.cards.push(await next());
    const total = countOf(hand.cards);
    if (total > 21) hand.state = 'bust'; else if (total === 21) hand.state = 'standing';
  };
  while (!ended) {
    const at = hands.findIndex((hand) => hand.state === 'open');
    if (at < 0) break;
    const hand = hands[at];
    const action = actions.shift();
    if (action === 'stand') hand.state = 'standing';
    else if (action === 'surrender') hand.state = 'surrender';
    else if (action === 'hit') await take(hand);
    else if (action === 'double') {
      hand.stake += q.stake;
      await take(hand);
      if (hand.state === 'open') hand.state = 'standing';
    } else if (action === 'split') {
      const aces = valueOf(hand.cards[0]) === 1;
      hands.splice(at, 1, { cards: [hand.cards[0]], stake: hand.stake, state: 'open' }, { cards: [hand.cards[1]], stake: q.stake, state: 'open' });
      for (const part of [hands[at], hands[at + 1]]) { await take(part); if (aces) part.state = 'standing'; }
    } else return unfinished(dealer, hands, hands.reduce((sum, x) => sum + x.stake, insurance), true);
  }
  if (!ended && hands.some((hand) => hand.state === 'standing')) while (countOf(dealer) < 17) dealer.push(await next());
  const results = hands.map((hand) => handResult(hand, hands.length, dealer));
  const insurancePays = isNatural(dealer) ? 3 * insurance : 0;
  return {
    outcome: { dealer: faces(dealer), hands: hands.map((hand, i) => ({ cards: faces(hand.cards), stake: hand.stake, ...results[i] })), insurance: insurance ? { stake: insurance, payout: insurancePays } : null },
    staked: hands.reduce((sum, hand) => sum + hand.stake, insurance), payout: results.reduce((sum, r) => sum + r.payout, insurancePays),
  };
}

/** A round whose actions do not bring it to its end. @param {number[]} dealer @param {FairHand[]} hands @param {number} staked @param {boolean} looked */
function unfinished(dealer, hands, staked, looked) {
  return { outcome: { dealer: faces(dealer.slice(0, 1)), hands: hands.map((hand) => ({ cards: faces(hand.cards), stake: hand.stake, result: null, payout: 0 })), insurance: null, open: true, looked }, staked, payout: 0 };
}

/** @param {FairHand} hand @param {number} count @param {number[]} dealer */
function handResult(hand, count, dealer) {
  const natural = count === 1 && isNatural(hand.cards);
  const player = countOf(hand.cards);
  const house = countOf(dealer);
  if (hand.state === 'bust') return { result: 'bust', payout: 0 };
  if (hand.state === 'surrender') return { result: 'surrender', payout: Math.floor(hand.stake / 2) };
  if (natural && isNatural(dealer)) return { result: 'push', payout: hand.stake };
  if (natural) return { result: 'blackjack', payout: hand.stake + Math.floor((3 * hand.stake) / 2) };
  if (isNatural(dealer)) return { result: 'lose', payout: 0 };
  if (house > 21 || player > house) return { result: 'win', payout: 2 * hand.stake };
  return player === house ? { result: 'push', payout: hand.stake } : { result: 'lose', payout: 0 };
}

/** @param {number[]} cards */
function faces(cards) { return cards.map((c) => ({ rank: RANKS[c % 13], suit: SUIT_NAMES[Math.floor(c / 13) % 4] })); }

/** The games whose rounds can be computed here. */
export const RULES = ['slots/2', 'slots/1', 'roulette/1', 'roulette/2', 'blackjack/1'];

/** Computes a round. Throws an Error whose message is what is wrong: "rules", "hex", "seed" or "bets". @param {Question} q @returns {Promise<Proof>} */
export async function prove(q) {
  if (!RULES.includes(q.rules)) throw new Error('rules');
  if (bytesOf(q.serverSeed).length !== 32) throw new Error('seed');
  const commitment = await commitmentOf(q.serverSeed);
  const stream = await Stream.of(q);
  const play = q.rules.startsWith('slots/') ? playSlots : q.rules.startsWith('roulette/') ? playRoulette : playBlackjack;
  const played = await play(stream, q);
  return { commitment, committed: q.commitment ? q.commitment.trim().toLowerCase() === commitment : null, blocks: stream.blocks, draws: stream.draws, ...played };
}
