// Fairness, version 1: computes a round from its seeds. This file imports nothing, so that it also runs in the page
// that a player saves to disk. docs/FAIRNESS.md is its specification. It is as strict as the casino: it refuses what
// the rules refuse, and its outcomes have the same fields as the API's.

/**
 * @typedef {object} Question
 * @property {string} rules e.g. "slots/2"
 * @property {string} serverSeed 64 hex digits
 * @property {string} commitment 64 hex digits; empty: not compared
 * @property {string} clientSeed
 * @property {number} nonce
 * @property {number} stake
 * @property {{type: string, numbers?: number[], selection?: number, amount: number}[]} bets
 * @property {string[]} actions
 *
 * @typedef {{block: number, word: string, n: bigint, value: bigint|null}} Word value null: the word was skipped
 *
 * @typedef {object} Played
 * @property {number[]} draws slots' stops, roulette's pocket, blackjack's cards in the order of dealing
 * @property {any} outcome as the API returns it
 * @property {number} stake
 * @property {number} staked
 * @property {number} payout
 * @property {boolean} settled
 *
 * @typedef {object} Steps
 * @property {string} commitment of the server seed, as computed here
 * @property {boolean|null} committed whether it is the one that was shown; null: none was given
 * @property {{block: number, message: string, mac: string}[]} blocks
 * @property {Word[]} words
 *
 * @typedef {Steps & Played} Proof
 *
 * @typedef {{
 *   stake: number, staked: number, payout: number, settled: boolean, outcome: any
 * }} Said what the house says of a round
 *
 * @typedef {{path: (string|number)[], said: any, computed: any}} Difference
 */

/** Why a round is impossible. The message is the end of a text key: "fair.wrong_…". */
export class Wrong extends Error {
  /** @param {string} what @param {Record<string, string|number>} [params] */
  constructor(what, params = {}) {
    super(what);
    this.params = params;
  }
}

/** @param {string} hex */
export function bytesOf(hex) {
  const clean = hex.trim().toLowerCase();
  if (!/^([0-9a-f]{2})*$/.test(clean)) throw new Wrong('hex');
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
  /** @type {Word[]} */
  words = [];
  /** @type {bigint[]} */
  #left = [];

  /** @param {CryptoKey} key @param {string} rules @param {string} clientSeed @param {number} nonce */
  constructor(key, rules, clientSeed, nonce) {
    this.key = key;
    this.prefix = ['imperio/v1', rules, clientSeed, String(nonce)];
  }

  /** @param {Question} q */
  static async of(q) {
    const key = await crypto.subtle.importKey('raw', bytesOf(q.serverSeed), { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ]);
    return new Stream(key, q.rules, q.clientSeed, q.nonce);
  }

  /** The next word: four a block, big-endian. */
  async #word() {
    if (this.#left.length === 0) {
      const j = this.blocks.length;
      const parts = [...this.prefix, String(j)];
      const mac = await crypto.subtle.sign('HMAC', this.key, new TextEncoder().encode(parts.join('\0')));
      const view = new DataView(mac);
      for (let i = 0; i < 4; i += 1) this.#left.push(view.getBigUint64(8 * i));
      this.blocks.push({
        block: j,
        message: parts.join(' ∅ '),
        mac: hexOf(mac),
      });
    }
    return /** @type {bigint} */ (this.#left.shift());
  }

  /** A number in 0 … n − 1, for the games' small n. @param {number} n */
  async uniform(n) {
    return Number(await this.uniformBig(BigInt(n)));
  }

  /**
   * A number in 0 … n − 1, exactly uniform: it skips words beyond the last multiple of n.
   * @param {bigint} n 1 … 2^64 − 1
   */
  async uniformBig(n) {
    const limit = (1n << 64n) - ((1n << 64n) % n);
    for (;;) {
      const word = await this.#word();
      const block = this.blocks.length - 1;
      const hex = word.toString(16).padStart(16, '0');
      if (word < limit) {
        const value = word % n;
        this.words.push({ block, word: hex, n, value });
        return value;
      }
      this.words.push({ block, word: hex, n, value: null });
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
  'slots/1': {
    cherry: [50, 40],
    apple: [20, 10],
    banana: [15, 5],
    lemon: [3, 0],
  },
  'slots/2': {
    cherry: [60, 12],
    apple: [20, 6],
    banana: [15, 3],
    lemon: [2, 0],
  },
};

/** The symbols' names in the slot machine's lines. @type {Record<string, string>} */
const PLURALS = {
  cherry: 'cherries',
  apple: 'apples',
  banana: 'bananas',
  lemon: 'lemons',
};

/** The largest amount of coins anywhere. Stakes are bounded so that no payout exceeds it. */
const MAX_COINS = Number.MAX_SAFE_INTEGER;

/** @param {number} stake @param {number} least @param {number} pays the most that comes back for a coin */
function checkStake(stake, least, pays) {
  if (!Number.isSafeInteger(stake) || stake < least || stake > Math.floor(MAX_COINS / pays)) throw new Wrong('stake');
}

/** @param {Stream} stream @param {Question} q @returns {Promise<Played>} */
async function playSlots(stream, q) {
  checkStake(q.stake, 1, Math.max(...Object.values(SLOT_PAYS[q.rules]).flat()));
  const stops = [];
  for (let reel = 0; reel < 3; reel += 1) stops.push(15 + (await stream.uniform(16)));
  const symbols = stops.map((stop, reel) => REELS[reel][Math.ceil(stop / 2) - 8]);
  const count = symbols[0] !== symbols[1] ? 0 : symbols[1] === symbols[2] ? 3 : 2;
  const [three, two] = SLOT_PAYS[q.rules][symbols[0]];
  const multiplier = [0, 0, two, three][count];
  const line = multiplier ? `${count} ${PLURALS[symbols[0]]}` : undefined;
  return {
    draws: stops,
    outcome: { stops, symbols, line, multiplier },
    stake: q.stake,
    staked: q.stake,
    payout: q.stake * multiplier,
    settled: true,
  };
}

const REDS = new Set([1, 3, 5, 7, 9, 12, 14, 16, 18, 19, 21, 23, 25, 27, 30, 32, 34, 36]);
/** @type {Record<string, number>} */
const ODDS = {
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

/**
 * The pattern of a bet's numbers, relative to the first one: with zero, and without.
 * @type {Record<string, [RegExp, RegExp]>}
 */
const SHAPES = {
  straight: [/^0$/, /^0$/],
  split: [/^0,[123]$/, /^0,[13]$/],
  street: [/^$/, /^0,1,2$/],
  trio: [/^0,(1,2|2,3)$/, /^$/],
  corner: [/^$/, /^0,1,3,4$/],
  first_four: [/^0,1,2,3$/, /^$/],
  six_line: [/^$/, /^0,1,2,3,4,5$/],
};

/** Whether a bet is on the table: its numbers must form its type. @param {import('../app/types.js').Bet} bet */
function isBet({ type, numbers, selection, amount }) {
  if (!Object.hasOwn(ODDS, type) || !Number.isSafeInteger(amount) || amount < 1) return false;
  if (type === 'dozen' || type === 'column') return !numbers?.length && [1, 2, 3].includes(selection ?? 0);
  if (selection) return false;
  if (!SHAPES[type]) return !numbers?.length;
  if (!numbers?.length || !numbers.every((n) => Number.isInteger(n) && n >= 0 && n <= 36)) return false;
  const sorted = [...numbers].sort((a, b) => a - b);
  const first = sorted[0];
  if (!SHAPES[type][first === 0 ? 0 : 1].test(sorted.map((n) => n - first).join())) return false;
  if (type === 'street' || type === 'six_line') return first % 3 === 1; // they begin at the left of a row
  return first === 0 || sorted[1] !== first + 1 || first % 3 !== 0; // 3 and 4 are not adjacent
}

/** @param {{type: string, numbers?: number[], selection?: number}} bet @param {number} n */
function betWins(bet, n) {
  if (bet.numbers?.length) return bet.numbers.includes(n);
  if (n === 0) return false;
  const k = bet.selection ?? 0;
  switch (bet.type) {
    case 'dozen':
      return Math.ceil(n / 12) === k;
    case 'column':
      return n % 3 === k % 3;
    case 'low':
      return n <= 18;
    case 'high':
      return n >= 19;
    case 'red':
      return REDS.has(n);
    case 'black':
      return !REDS.has(n);
    case 'odd':
      return n % 2 === 1;
    case 'even':
      return n % 2 === 0;
    default:
      return false;
  }
}

/** @param {Stream} stream @param {Question} q @returns {Promise<Played>} */
async function playRoulette(stream, q) {
  if (q.bets.length < 1 || q.bets.length > 100) throw new Wrong('bets');
  q.bets.forEach((bet, i) => {
    if (!isBet(bet)) throw new Wrong('bet', { n: i + 1 });
  });
  const staked = q.bets.reduce((sum, bet) => sum + bet.amount, 0);
  checkStake(staked, 1, 36);
  const pocket = await stream.uniform(37);
  const partage = q.rules === 'roulette/2';
  const bets = q.bets.map((bet) => {
    const wins = betWins(bet, pocket);
    const half = partage && pocket === 0 && ODDS[bet.type] === 1;
    const { type, numbers, selection, amount } = bet;
    return {
      type,
      numbers: numbers?.length ? numbers : undefined,
      selection: selection || undefined,
      amount,
      payout: wins ? amount * (ODDS[type] + 1) : half ? Math.floor(amount / 2) : 0,
    };
  });
  return {
    draws: [pocket],
    outcome: {
      pocket,
      color: pocket === 0 ? 'green' : REDS.has(pocket) ? 'red' : 'black',
      bets,
    },
    stake: staked,
    staked,
    payout: bets.reduce((sum, bet) => sum + bet.payout, 0),
    settled: true,
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

/** Whether an ace counts 11. @param {number[]} cards */
const isSoft = (cards) => countOf(cards) !== cards.reduce((sum, c) => sum + valueOf(c), 0);

/** @param {number[]} cards */
const isNatural = (cards) => cards.length === 2 && countOf(cards) === 21;

/**
 * @typedef {{cards: number[], stake: number, doubled: boolean, state: 'open'|'standing'|'bust'|'surrender'}} FairHand
 */

/** The most hands that a player can have, by splitting. */
const MAX_HANDS = 4;

/** @param {Stream} stream @param {Question} q @returns {Promise<Played>} */
async function playBlackjack(stream, q) {
  checkStake(q.stake, 2, 4 * MAX_HANDS);
  const shoe = Array.from({ length: 312 }, (_, i) => i);
  /** @type {number[]} */
  const draws = [];
  /** @param {number[]} to */
  const deal = async (to) => {
    const i = draws.length;
    const j = i + (await stream.uniform(312 - i));
    [shoe[i], shoe[j]] = [shoe[j], shoe[i]];
    draws.push(shoe[i]);
    to.push(shoe[i]);
  };
  /** @type {FairHand[]} */
  const hands = [{ cards: [], stake: q.stake, doubled: false, state: 'open' }];
  /** @type {number[]} */
  const dealer = [];
  for (const to of [hands[0].cards, dealer, hands[0].cards, dealer]) await deal(to);
  let insurance = 0;
  // When the dealer shows an ace, the player decides on insurance before the hole card is checked.
  const look = () => (isNatural(dealer) || isNatural(hands[0].cards) ? 'settled' : 'playing');
  let phase = valueOf(dealer[0]) === 1 ? 'insuring' : look();
  const active = () => hands.findIndex((hand) => hand.state === 'open');
  const allowed = () => {
    if (phase === 'insuring') return ['insurance', 'decline_insurance'];
    if (phase === 'settled') return [];
    const list = ['hit', 'stand'];
    const { cards } = hands[active()];
    if (cards.length === 2) {
      list.push('double');
      if (valueOf(cards[0]) === valueOf(cards[1]) && hands.length < MAX_HANDS) list.push('split');
      if (hands.length === 1) list.push('surrender');
    }
    return list;
  };
  /** @param {FairHand} hand */
  const take = async (hand) => {
    await deal(hand.cards);
    const total = countOf(hand.cards);
    if (total > 21) hand.state = 'bust';
    else if (total === 21) hand.state = 'standing';
  };
  for (const [i, action] of q.actions.entries()) {
    if (!allowed().includes(action))
      throw new Wrong(phase === 'settled' ? 'action_late' : 'action', {
        n: i + 1,
        action,
      });
    if (phase === 'insuring') {
      if (action === 'insurance') insurance = Math.floor(q.stake / 2);
      phase = look();
      continue;
    }
    const at = active();
    const hand = hands[at];
    if (action === 'stand') hand.state = 'standing';
    else if (action === 'surrender') hand.state = 'surrender';
    else if (action === 'hit') await take(hand);
    else if (action === 'double') {
      hand.stake += q.stake;
      hand.doubled = true;
      await take(hand);
      if (hand.state === 'open') hand.state = 'standing';
    } else {
      const second = hand.cards.splice(1);
      hands.splice(at + 1, 0, {
        cards: second,
        stake: q.stake,
        doubled: false,
        state: 'open',
      });
      for (const part of [hand, hands[at + 1]]) {
        await take(part);
        if (valueOf(part.cards[0]) === 1) part.state = 'standing';
      }
    }
    if (active() < 0) phase = 'settled';
  }
  const settled = phase === 'settled';
  // After a blackjack on either side no hand is standing, so the dealer draws nothing, as after busts and surrender.
  if (settled && hands.some((hand) => hand.state === 'standing')) while (countOf(dealer) < 17) await deal(dealer);
  // While the round is open, the player sees only the up card, and no result but a bust.
  const shown = settled ? dealer : dealer.slice(0, 1);
  const results = hands.map((hand) =>
    settled || hand.state === 'bust' ? handResult(hand, hands.length, dealer) : { result: null, payout: 0 },
  );
  const insurancePays = settled && isNatural(dealer) ? 3 * insurance : 0;
  return {
    draws,
    outcome: {
      dealer: {
        cards: faces(shown),
        hidden: dealer.length - shown.length,
        total: countOf(shown),
        soft: isSoft(shown),
        blackjack: isNatural(shown),
      },
      hands: hands.map((hand, i) => ({
        cards: faces(hand.cards),
        total: countOf(hand.cards),
        soft: isSoft(hand.cards),
        stake: hand.stake,
        doubled: hand.doubled,
        active: phase === 'playing' && i === active(),
        ...results[i],
      })),
      insurance: insurance ? { stake: insurance, payout: insurancePays } : null,
      allowed_actions: allowed(),
      settled,
    },
    stake: q.stake,
    staked: hands.reduce((sum, hand) => sum + hand.stake, insurance),
    settled,
    payout: settled ? results.reduce((sum, r) => sum + r.payout, insurancePays) : 0,
  };
}

/** @param {FairHand} hand @param {number} count @param {number[]} dealer */
function handResult(hand, count, dealer) {
  const natural = count === 1 && isNatural(hand.cards);
  const player = countOf(hand.cards);
  const house = countOf(dealer);
  if (hand.state === 'bust') return { result: 'bust', payout: 0 };
  if (hand.state === 'surrender') return { result: 'surrender', payout: Math.floor(hand.stake / 2) };
  if (natural && isNatural(dealer)) return { result: 'push', payout: hand.stake };
  if (natural)
    return {
      result: 'blackjack',
      payout: hand.stake + Math.floor((3 * hand.stake) / 2),
    };
  if (isNatural(dealer)) return { result: 'lose', payout: 0 };
  if (house > 21 || player > house) return { result: 'win', payout: 2 * hand.stake };
  return player === house ? { result: 'push', payout: hand.stake } : { result: 'lose', payout: 0 };
}

/** @param {number[]} cards */
function faces(cards) {
  return cards.map((c) => ({
    rank: RANKS[c % 13],
    suit: SUIT_NAMES[Math.floor(c / 13) % 4],
  }));
}

/**
 * The games whose rounds can be computed here: their rules, and whether bets are placed or actions taken.
 * @type {Record<string, {rules: string[], play: (stream: Stream, q: Question) => Promise<Played>, bets?: boolean, actions?: boolean}>}
 */
export const GAMES = {
  slots: { rules: ['slots/2', 'slots/1'], play: playSlots },
  roulette: {
    rules: ['roulette/1', 'roulette/2'],
    play: playRoulette,
    bets: true,
  },
  blackjack: { rules: ['blackjack/1'], play: playBlackjack, actions: true },
};

/** All rules. */
export const RULES = Object.values(GAMES).flatMap((game) => game.rules);

/** The game of rules: slots of "slots/2". @param {string} rules */
export function gameOf(rules) {
  return GAMES[rules.split('/')[0]];
}

/** @param {Question} q */
function check(q) {
  if (!RULES.includes(q.rules)) throw new Wrong('rules');
  if (bytesOf(q.serverSeed).length !== 32) throw new Wrong('seed');
  const length = new TextEncoder().encode(q.clientSeed).length;
  if (length < 1 || length > 64 || /\p{Cc}/u.test(q.clientSeed)) throw new Wrong('client_seed');
  if (!Number.isSafeInteger(q.nonce) || q.nonce < 0) throw new Wrong('nonce');
  if (q.bets.length && !gameOf(q.rules).bets) throw new Wrong('no_bets');
  if (q.actions.length && !gameOf(q.rules).actions) throw new Wrong('no_actions');
}

/** Computes a round. Throws Wrong if the rules don't allow it. @param {Question} q @returns {Promise<Proof>} */
export async function prove(q) {
  check(q);
  const commitment = await commitmentOf(q.serverSeed);
  const stream = await Stream.of(q);
  const played = await gameOf(q.rules).play(stream, q);
  return {
    commitment,
    committed: q.commitment ? q.commitment.trim().toLowerCase() === commitment : null,
    blocks: stream.blocks,
    words: stream.words,
    ...played,
  };
}

/**
 * Every difference between the computed round and what the house says.
 * @param {Proof} proof
 * @param {Said} said
 * @returns {Difference[]}
 */
export function differences(proof, said) {
  /** @param {Said} round */
  const told = ({ stake, staked, payout, settled, outcome }) => ({
    stake,
    staked,
    payout,
    settled,
    outcome,
  });
  return apart(told(proof), told(said), []);
}

/** @param {any} v */
const isObject = (v) => typeof v === 'object' && v !== null;

/**
 * Compares two JSON values and names each part that differs. A missing field equals null. Lists of hands and of bets are
 * compared item by item, other lists as a whole.
 * @param {any} computed @param {any} said @param {(string|number)[]} path @returns {Difference[]}
 */
function apart(computed, said, path) {
  const within =
    path.at(-1) === 'cards' || Array.isArray(computed) !== Array.isArray(said)
      ? false
      : Array.isArray(computed)
        ? computed.length === said.length && computed.some(isObject)
        : isObject(computed) && isObject(said);
  if (!within) return same(computed, said) ? [] : [{ path, said, computed }];
  const keys = Array.isArray(computed) ? computed.map((_, i) => i) : fieldsOf(computed, said);
  return keys.flatMap((key) => apart(computed[key], said[key], [...path, key]));
}

/** The fields in either object. @param {any} a @param {any} b */
function fieldsOf(a, b) {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])];
}

/** @param {any} a @param {any} b @returns {boolean} */
function same(a, b) {
  if (!isObject(a) || !isObject(b)) return (a ?? null) === (b ?? null);
  if (Array.isArray(a) !== Array.isArray(b) || (Array.isArray(a) && a.length !== b.length)) return false;
  return fieldsOf(a, b).every((key) => same(a[key], b[key]));
}
