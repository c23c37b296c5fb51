// The form and the proof of the fairness page. The page and the saved file both use it, so it gets its words passed in
// and imports only the computation.
import { prove, differences, gameOf, Wrong, RULES } from './core.js';

/**
 * @param {string} tag @param {Record<string, any>|null} [props] @param {...(Node|string|null|undefined|(Node|string)[])} children
 * @returns {any}
 */
function make(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/**
 * A field with a button that copies what it holds. Where the browser lets no page write to the clipboard, the text is selected.
 * @param {Words} t @param {any} input
 */
function copied(t, input) {
  const said = make('span', { class: 'said small', role: 'status' });
  const copy = make(
    'button',
    {
      class: 'button slim copy',
      type: 'button',
      click: async () => {
        try {
          await navigator.clipboard.writeText(input.value);
          said.textContent = t('fair.copied');
        } catch {
          input.select();
          said.textContent = t('fair.selected');
        }
      },
    },
    t('fair.copy'),
  );
  return make('div', { class: 'copied' }, input, copy, said);
}

/**
 * @param {Record<string, string>} words keys fair.…, bet.…, coins.…, symbol.…, rank.…, suit.…, result.…, color.…
 * @param {Partial<import('./core.js').Question> & {expected?: import('./core.js').Said}} [start] with what the house says about it: a full round
 * @returns {HTMLElement}
 */
export function verifier(words, start = {}) {
  /** @param {string} key @param {Record<string, string|number>} [params] */
  const t = (key, params) =>
    Object.entries(params ?? {}).reduce((text, [k, v]) => text.replaceAll(`{${k}}`, String(v)), words[key] ?? key);
  let expected = start.expected ?? null;
  let count = 0;
  /** @param {string} label @param {HTMLElement} input @param {HTMLElement} [face] what holds the input */
  const field = (label, input, face = input) => {
    count += 1;
    input.id = `verify-${count}`;
    input.addEventListener('input', () => {
      expected = null;
    });
    return make('div', { class: 'field' }, make('label', { for: input.id }, label), face);
  };
  const text = (
    /** @type {string} */ name,
    /** @type {string|number|undefined} */ value,
    /** @type {string} */ mode = 'text',
  ) => {
    const input = make('input', {
      name,
      type: 'text',
      inputmode: mode,
      autocomplete: 'off',
      spellcheck: 'false',
      autocapitalize: 'none',
      class: 'mono',
    });
    input.value = value ?? '';
    return input;
  };
  const rules = make(
    'select',
    { name: 'rules' },
    RULES.map((r) => make('option', { value: r }, r)),
  );
  rules.value = start.rules ?? RULES[0];
  const serverSeed = text('server_seed', start.serverSeed);
  const commitment = text('commitment', start.commitment);
  const clientSeed = text('client_seed', start.clientSeed);
  const nonce = text('nonce', start.nonce ?? 0, 'numeric');
  const stake = text('stake', start.stake ?? 1, 'numeric');
  const bets = make('textarea', {
    name: 'bets',
    rows: 4,
    spellcheck: 'false',
    class: 'mono',
  });
  bets.value = start.bets?.length ? JSON.stringify(start.bets) : '[{"type":"red","amount":1}]';
  const actions = text('actions', start.actions?.join(' '));
  const stakeField = field(t('fair.stake'), stake);
  // Bets are read in words; whoever wants to change them writes data.
  const inWords = make('ul', { class: 'bets-in-words' });
  const readBets = () => {
    try {
      inWords.replaceChildren(...betList(t, parseBets(bets.value)));
    } catch {
      inWords.replaceChildren(make('li', null, t('fair.wrong_bets')));
    }
  };
  bets.addEventListener('input', readBets);
  readBets();
  const betsField = make(
    'div',
    { class: 'field' },
    make('span', null, t('fair.bets')),
    inWords,
    make('details', null, make('summary', null, t('fair.as_data')), field(t('fair.bets_data'), bets)),
  );
  const actionsField = field(t('fair.actions'), actions);
  const answer = make('div', {
    class: 'proof',
    role: 'region',
    tabindex: -1,
    'aria-live': 'polite',
    'aria-label': t('fair.proof'),
  });
  const shape = () => {
    const game = gameOf(rules.value);
    stakeField.hidden = !!game.bets;
    betsField.hidden = !game.bets;
    actionsField.hidden = !game.actions;
  };
  rules.addEventListener('change', shape);

  async function compute() {
    answer.replaceChildren();
    if (!globalThis.crypto?.subtle) {
      answer.append(make('p', { class: 'note bad' }, t('fair.no_crypto')));
      return;
    }
    try {
      // As long as the form is unchanged, the round is compared with what the house says about it.
      const question = expected ? /** @type {import('./core.js').Question} */ (start) : asked();
      answer.append(...explain(t, await prove(question), question, expected));
    } catch (error) {
      const reason = error instanceof Wrong ? t(`fair.wrong_${error.message}`, error.params) : t('fair.wrong_input');
      if (expected)
        answer.append(verdictLine(t, 'wrong'), make('ul', { class: 'differences' }, make('li', null, reason)));
      else answer.append(make('p', { class: 'note bad' }, reason));
    }
  }

  /** The input in the form. @returns {import('./core.js').Question} */
  function asked() {
    const game = gameOf(rules.value);
    return {
      rules: rules.value,
      serverSeed: serverSeed.value,
      commitment: commitment.value,
      clientSeed: clientSeed.value,
      nonce: whole(nonce.value, 'nonce'),
      stake: game.bets ? 0 : whole(stake.value, 'stake'),
      bets: game.bets ? parseBets(bets.value) : [],
      actions: game.actions ? actions.value.split(/[\s,]+/).filter(Boolean) : [],
    };
  }

  const form = make(
    'form',
    {
      class: 'verify stack',
      novalidate: true,
      submit: (/** @type {Event} */ e) => {
        e.preventDefault();
        void compute().then(() => {
          if (form.closest('details')) answer.focus(); // the answer stands above the form
        });
      },
    },
    field(t('fair.rules'), rules),
    field(t('fair.server_seed'), serverSeed, copied(t, serverSeed)),
    field(t('fair.commitment_shown'), commitment, copied(t, commitment)),
    field(t('fair.client_seed'), clientSeed, copied(t, clientSeed)),
    field(t('fair.nonce'), nonce),
    stakeField,
    betsField,
    actionsField,
    make('button', { class: 'button primary', type: 'submit' }, t('fair.compute')),
  );
  shape();
  if (!start.serverSeed) return make('div', { class: 'verifier' }, form, answer);
  // A round that is known: the verdict first, and the form for whoever wants to change something.
  void compute();
  return make(
    'div',
    { class: 'verifier' },
    answer,
    make('details', { class: 'by-hand' }, make('summary', null, t('fair.by_hand')), form),
  );
}

/** Parses a whole number. An empty field is an error, not 0. @param {string} text @param {string} what */
function whole(text, what) {
  if (!/^\s*\d+\s*$/.test(text)) throw new Wrong(what);
  return Number(text);
}

/** @param {string} text */
function parseBets(text) {
  try {
    const bets = JSON.parse(text);
    if (
      Array.isArray(bets) &&
      bets.length &&
      bets.every((b) => typeof b.type === 'string' && Number.isInteger(b.amount))
    )
      return bets;
  } catch {
    /* said below */
  }
  throw new Wrong('bets');
}

/** @typedef {(key: string, params?: Record<string, string|number>) => string} Words */

/** @param {Words} t @param {'right'|'partly'|'wrong'} verdict */
function verdictLine(t, verdict) {
  return make(
    'div',
    {
      class: verdict === 'wrong' ? 'verdict-line wrong-line' : 'verdict-line right',
      'data-verdict': verdict,
    },
    make('strong', null, t(`fair.short_${verdict}`)),
    make('p', null, t(`fair.verdict_${verdict}`)),
  );
}

/** "1 coin", "5 coins". @param {Words} t @param {number} n */
const coinsText = (t, n) =>
  t(n === 1 ? 'coins.one' : 'coins.other', { n: n.toLocaleString(document.documentElement.lang) });

/**
 * Bets in words, one by one: "Corner 8, 9, 11, 12: 5 coins → 45 coins".
 * @param {Words} t @param {import('../app/types.js').Bet[]} bets with their payouts, if these are known
 */
function betList(t, bets) {
  return bets.map(({ type, numbers, selection, amount, payout }) => {
    const name = known(t, `bet.${type}`, type, { n: selection ?? 0 });
    const on = numbers?.length ? `${name} ${[...numbers].sort((a, b) => a - b).join(', ')}` : name;
    const pays = payout === undefined ? '' : ` → ${coinsText(t, payout)}`;
    return make('li', { class: payout ? 'paid' : null }, `${on}: ${coinsText(t, amount)}${pays}`);
  });
}

/**
 * @param {Words} t
 * @param {import('./core.js').Proof} proof
 * @param {import('./core.js').Question} question
 * @param {import('./core.js').Said|null} expected what the house says happened
 */
function explain(t, proof, question, expected) {
  const wrong = expected ? differences(proof, expected) : [];
  if (proof.committed === false || (expected && !proof.committed))
    wrong.unshift({
      path: ['commitment'],
      said: question.commitment,
      computed: proof.commitment,
    });
  const verdict = wrong.length
    ? verdictLine(t, 'wrong')
    : expected
      ? verdictLine(t, 'right')
      : proof.committed
        ? verdictLine(t, 'partly')
        : null;
  const list = wrong.length
    ? make(
        'ul',
        { class: 'differences' },
        wrong.map((d) =>
          make(
            'li',
            { 'data-differs': d.path.join('.') },
            t('fair.differs', {
              what: partName(t, d.path),
              said: valueText(t, d.path, d.said),
              computed: valueText(t, d.path, d.computed),
            }),
          ),
        ),
      )
    : null;
  /** @param {number} n @param {string} title @param {...Node} body */
  const step = (n, title, ...body) =>
    make('section', { class: 'proof-step' }, make('h3', null, `${n}. ${title}`), ...body);
  const words = make(
    'table',
    { class: 'table' },
    make(
      'thead',
      null,
      make(
        'tr',
        null,
        ['fair.block', 'fair.word', 'fair.modulo', 'fair.value'].map((k) => make('th', { scope: 'col' }, t(k))),
      ),
    ),
    make(
      'tbody',
      null,
      proof.words.map((d) =>
        make(
          'tr',
          null,
          make('td', null, String(d.block)),
          make('td', { class: 'mono' }, d.word),
          make('td', null, String(d.n)),
          make('td', null, d.value === null ? t('fair.passed_over') : String(d.value)),
        ),
      ),
    ),
  );
  const paid = expected && expected.staked === proof.staked && expected.payout === proof.payout;
  const steps = [
    step(
      1,
      t('fair.step_commitment'),
      make('p', { class: 'mono' }, `SHA-256 = ${proof.commitment}`),
      make(
        'p',
        null,
        proof.committed === null
          ? t('fair.commitment_none')
          : t(proof.committed ? 'fair.commitment_same' : 'fair.commitment_other'),
      ),
    ),
    step(
      2,
      t('fair.step_words'),
      ...proof.blocks.map((b) => make('p', { class: 'mono' }, `HMAC-SHA256(server_seed, "${b.message}") = ${b.mac}`)),
    ),
    step(
      3,
      t('fair.step_numbers'),
      make(
        'div',
        {
          class: 'scroll',
          tabindex: 0,
          role: 'group',
          'aria-label': t('fair.step_numbers'),
        },
        words,
      ),
    ),
    step(4, t('fair.step_outcome'), make('p', null, outcomeText(t, proof.outcome))),
    step(
      5,
      t('fair.step_pay'),
      make('p', null, t('fair.paid', { staked: proof.staked, payout: proof.payout })),
      make(
        'p',
        null,
        expected
          ? t(paid ? 'fair.pay_same' : 'fair.pay_other', {
              staked: expected.staked,
              payout: expected.payout,
            })
          : t('fair.pay_alone'),
      ),
    ),
  ];
  const bets = proof.outcome.bets;
  return [
    verdict,
    list,
    make('p', { class: 'came-out', 'data-outcome': '' }, outcomeText(t, proof.outcome)),
    bets && make('ul', { class: 'bets-in-words', 'data-bets': '' }, betList(t, bets)),
    make('p', { 'data-payout': proof.payout }, t('fair.paid', { staked: proof.staked, payout: proof.payout })),
    make('details', { class: 'steps' }, make('summary', null, t('fair.steps')), ...steps),
  ].filter((x) => x !== null && x !== undefined);
}

/** @param {Words} t @param {any} outcome */
function outcomeText(t, outcome) {
  if (outcome.stops)
    return `${outcome.stops.join(' · ')} → ${valueText(t, ['symbols'], outcome.symbols)} → ×${outcome.multiplier}`;
  if (outcome.pocket !== undefined) return `${outcome.pocket} (${t(`color.${outcome.color}`)})`;
  if (!outcome.hands) return partsText(t, outcome);
  const cards = (/** @type {any} */ hand) => `${valueText(t, ['cards'], hand.cards)} = ${hand.total}`;
  const hands = outcome.hands.map(
    (/** @type {any} */ hand) => `${cards(hand)}${hand.result ? ` → ${t(`result.${hand.result}`)}` : ''}`,
  );
  return `${t('fair.dealer')}: ${cards(outcome.dealer)} · ${t('fair.player')}: ${hands.join(' | ')}${outcome.settled ? '' : ` · ${t('fair.still_open')}`}`;
}

/** An outcome without a form of its own, part by part: "dice: 3, 5". @param {Words} t @param {any} outcome */
function partsText(t, outcome) {
  return Object.keys(outcome)
    .map((part) => `${partName(t, [part])}: ${valueText(t, [part], outcome[part])}`)
    .join(' · ');
}

/**
 * The words for a key, or a substitute if there are none.
 * @param {Words} t
 * @param {string} key
 * @param {any} instead
 * @param {Record<string, number>} [params]
 */
function known(t, key, instead, params) {
  const text = t(key, params);
  return text === key ? String(instead) : text;
}

/** The name of a part of a round: "hand 2, cards". @param {Words} t @param {(string|number)[]} path */
function partName(t, path) {
  return path
    .slice(path.length > 1 ? 1 : 0) // "outcome" goes without saying
    .map((part, i, all) =>
      typeof part === 'number'
        ? known(t, `fair.part_${all[i - 1]}_n`, part + 1, { n: part + 1 })
        : typeof all[i + 1] === 'number'
          ? ''
          : known(t, `fair.part_${part}`, part),
    )
    .filter(Boolean)
    .join(', ');
}

/**
 * A value in words.
 * @param {Words} t
 * @param {(string|number)[]} path its place in the outcome
 * @param {any} value
 * @returns {string}
 */
function valueText(t, path, value) {
  const name = path.at(-1);
  if (value === null || value === undefined || value === '') return t('fair.nothing');
  if (typeof value === 'boolean') return t(value ? 'fair.yes' : 'fair.no');
  if (name === 'color' || name === 'result') return known(t, `${name}.${value}`, value);
  if (!Array.isArray(value)) return typeof value === 'object' ? JSON.stringify(value) : String(value);
  return value
    .map((/** @type {any} */ v) => {
      if (name === 'symbols') return known(t, `symbol.${v}`, v);
      if (v?.rank && v?.suit)
        return t('card.name', {
          rank: known(t, `rank.${v.rank}`, v.rank),
          suit: known(t, `suit.${v.suit}`, v.suit),
        });
      return typeof v === 'object' ? JSON.stringify(v) : String(v);
    })
    .join(name === 'symbols' ? ' · ' : ', ');
}
