// The form and the proof of the fairness page. It is used by the page and by the file that a player saves, so it takes
// its words from outside and imports only the computation.
import { prove, RULES } from './core.js';

/**
 * @param {string} tag @param {Record<string, any>|null} [props] @param {...(Node|string|null|undefined|(Node|string)[])} children
 * @returns {any}
 */
function make(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value); else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/**
 * @param {Record<string, string>} words keys fair.…, symbol.…, rank.…, suit.…, result.…, color.…
 * @param {Partial<import('./core.js').Question> & {expected?: {payout: number, outcome: any}}} [start]
 * @returns {HTMLElement}
 */
export function verifier(words, start = {}) {
  /** @param {string} key @param {Record<string, string|number>} [params] */
  const t = (key, params) => Object.entries(params ?? {}).reduce((text, [k, v]) => text.replaceAll(`{${k}}`, String(v)), words[key] ?? key);
  let expected = start.expected ?? null;
  let count = 0;
  /** @param {string} label @param {HTMLElement} input */
  const field = (label, input) => {
    count += 1;
    input.id = `verify-${count}`;
    input.addEventListener('input', () => { expected = null; });
    return make('div', { class: 'field' }, make('label', { for: input.id }, label), input);
  };
  const text = (/** @type {string} */ name, /** @type {string|number|undefined} */ value, /** @type {string} */ mode = 'text') => {
    const input = make('input', { name, type: 'text', inputmode: mode, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none', class: 'mono' });
    input.value = value ?? '';
    return input;
  };
  const rules = make('select', { name: 'rules' }, RULES.map((r) => make('option', { value: r }, r)));
  rules.value = start.rules ?? RULES[0];
  const serverSeed = text('server_seed', start.serverSeed);
  const commitment = text('commitment', start.commitment);
  const clientSeed = text('client_seed', start.clientSeed);
  const nonce = text('nonce', start.nonce ?? 0, 'numeric');
  const stake = text('stake', start.stake ?? 1, 'numeric');
  const bets = make('textarea', { name: 'bets', rows: 4, spellcheck: 'false', class: 'mono' });
  bets.value = start.bets?.length ? JSON.stringify(start.bets) : '[{"type":"red","amount":1}]';
  const actions = text('actions', start.actions?.join(' '));
  const stakeField = field(t('fair.stake'), stake);
  const betsField = field(t('fair.bets'), bets);
  const actionsField = field(t('fair.actions'), actions);
  const answer = make('div', { class: 'proof', role: 'region', 'aria-live': 'polite', 'aria-label': t('fair.proof') });
  const shape = () => {
    const game = rules.value.split('/')[0];
    stakeField.hidden = game === 'roulette';
    betsField.hidden = game !== 'roulette';
    actionsField.hidden = game !== 'blackjack';
  };
  rules.addEventListener('change', shape);

  async function compute() {
    answer.replaceChildren();
    if (!globalThis.crypto?.subtle) { answer.append(make('p', { class: 'note bad' }, t('fair.no_crypto'))); return; }
    try {
      const question = {
        rules: rules.value, serverSeed: serverSeed.value, commitment: commitment.value, clientSeed: clientSeed.value, nonce: Number(nonce.value),
        stake: Number(stake.value), bets: rules.value.startsWith('roulette') ? parseBets(bets.value) : [], actions: actions.value.split(/[\s,]+/).filter(Boolean),
      };
      const proof = await prove(question);
      answer.append(...explain(t, proof, expected));
    } catch (error) {
      const reason = error instanceof Error && words[`fair.wrong_${error.message}`] ? `fair.wrong_${error.message}` : 'fair.wrong_input';
      answer.append(make('p', { class: 'note bad' }, t(reason)));
    }
  }

  const form = make('form', { class: 'verify stack', novalidate: true, submit: (/** @type {Event} */ e) => { e.preventDefault(); void compute(); } },
    field(t('fair.rules'), rules), field(t('fair.server_seed'), serverSeed), field(t('fair.commitment_shown'), commitment), field(t('fair.client_seed'), clientSeed),
    field(t('fair.nonce'), nonce), stakeField, betsField, actionsField, make('button', { class: 'button primary', type: 'submit' }, t('fair.compute')));
  shape();
  const box = make('div', { class: 'verifier' }, form, answer);
  if (start.serverSeed) void compute();
  return box;
}

/** @param {string} text */
function parseBets(text) {
  try {
    const bets = JSON.parse(text);
    if (Array.isArray(bets) && bets.length && bets.every((b) => typeof b.type === 'string' && Number.isInteger(b.amount))) return bets;
  } catch { /* said below */ }
  throw new Error('bets');
}

/**
 * @param {(key: string, params?: Record<string, string|number>) => string} t
 * @param {import('./core.js').Proof} proof
 * @param {{payout: number, outcome: any}|null} expected what the house says happened
 */
function explain(t, proof, expected) {
  const right = proof.committed !== false && (!expected || expected.payout === proof.payout);
  const verdict = expected || proof.committed !== null ? make('p', { class: right ? 'verdict-line right' : 'verdict-line wrong-line', 'data-verdict': right ? 'right' : 'wrong' }, t(right ? 'fair.right' : 'fair.not_right')) : null;
  /** @param {number} n @param {string} title @param {...Node} body */
  const step = (n, title, ...body) => make('section', { class: 'proof-step' }, make('h3', null, `${n}. ${title}`), ...body);
  const draws = make('table', { class: 'table' }, make('thead', null, make('tr', null, ['fair.block', 'fair.word', 'fair.modulo', 'fair.value'].map((k) => make('th', { scope: 'col' }, t(k))))),
    make('tbody', null, proof.draws.map((d) => make('tr', null, make('td', null, String(d.block)), make('td', { class: 'mono' }, d.word), make('td', null, String(d.n)), make('td', null, d.value === null ? t('fair.passed_over') : String(d.value))))));
  return [
    verdict,
    step(1, t('fair.step_commitment'), make('p', { class: 'mono' }, `SHA-256 = ${proof.commitment}`),
      make('p', null, proof.committed === null ? t('fair.commitment_none') : t(proof.committed ? 'fair.commitment_same' : 'fair.commitment_other'))),
    step(2, t('fair.step_words'), ...proof.blocks.map((b) => make('p', { class: 'mono' }, `HMAC-SHA256(server_seed, "${b.message}") = ${b.mac}`))),
    step(3, t('fair.step_numbers'), make('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': t('fair.step_numbers') }, draws)),
    step(4, t('fair.step_outcome'), make('p', { 'data-outcome': '' }, outcomeText(t, proof.outcome))),
    step(5, t('fair.step_pay'), make('p', { 'data-payout': proof.payout }, t('fair.paid', { staked: proof.staked, payout: proof.payout })),
      expected ? make('p', null, t(expected.payout === proof.payout ? 'fair.pay_same' : 'fair.pay_other', { payout: expected.payout })) : make('p', null, t('fair.pay_alone'))),
  ].filter((x) => x !== null);
}

/** @param {(key: string, params?: Record<string, string|number>) => string} t @param {any} outcome */
function outcomeText(t, outcome) {
  if (outcome.stops) return `${outcome.stops.join(' · ')} → ${outcome.symbols.map((/** @type {string} */ name) => t(`symbol.${name}`)).join(' · ')} → ×${outcome.multiplier}`;
  if (outcome.pocket !== undefined) return `${outcome.pocket} (${t(`color.${outcome.color}`)})`;
  const card = (/** @type {{rank: string, suit: string}} */ c) => t('card.name', { rank: /^\d/.test(c.rank) ? c.rank : t(`rank.${c.rank}`), suit: t(`suit.${c.suit}`) });
  const hands = outcome.hands.map((/** @type {any} */ hand) => `${hand.cards.map(card).join(', ')}${hand.result ? ` → ${t(`result.${hand.result}`)}` : ''}`);
  return `${t('fair.dealer')}: ${outcome.dealer.map(card).join(', ')} · ${t('fair.player')}: ${hands.join(' | ')}${outcome.open ? ` · ${t('fair.still_open')}` : ''}`;
}
