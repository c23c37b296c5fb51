// The history: all rounds, each with its proof.
import { h } from '../app/dom.js';
import { t, num, dateTime, shortTime } from '../app/i18n.js';
import { icon } from '../components/icons.js';
import { get, ApiError } from '../app/api.js';
import { pagedTable, saveCSV } from '../components/list.js';
import { roundMarks, roundNet } from '../components/recent.js';
import { spotName } from '../games/roulette/cloth.js';
import { SPOTS } from '../games/roulette/bets.js';
import { errorText } from '../app/i18n.js';
import { NAMES } from '../games/list.js';
import { choices } from './wallet.js';

/** @typedef {import('../app/types.js').Round} Round */

/** @param {string} _ @param {boolean} back @returns {Promise<import('../app/routes.js').Page>} */
export default async function historyPage(_, back) {
  const wanted = new URLSearchParams(location.search).get('round');
  return wanted
    ? {
        title: t('nav.history'),
        body: h(
          'div',
          { class: 'stack' },
          h('h1', null, t('fair.round_title', { id: wanted })),
          await oneRound(wanted),
        ),
      }
    : allRounds(back);
}

/** @param {boolean} back @returns {import('../app/routes.js').Page} */
function allRounds(back) {
  const list = pagedTable({
    path: '/me/rounds',
    key: 'rounds',
    look: 'rounds',
    empty: t('history.empty'),
    columns: [
      [t('history.time'), false],
      [t('history.game'), false],
      [t('history.outcome'), false],
      [t('history.stake'), true],
      [t('history.payout'), true],
      [t('history.net'), true],
      [t('history.proof'), false],
    ],
    filters: { game: choices(t('history.game'), 'game.', NAMES) },
    row: (/** @type {Round} */ r) =>
      h(
        'tr',
        null,
        h('td', { 'data-label': t('history.time'), class: 'time' }, shortTime(r.opened_at)),
        h('td', { 'data-label': t('history.game'), class: 'what' }, t(`game.${r.game}`)),
        h(
          'td',
          { 'data-label': t('history.outcome'), class: 'outcome-marks' },
          h('span', { class: 'marks' }, roundMarks(r)),
        ),
        h('td', { 'data-label': t('history.stake'), class: 'num staked' }, num(r.staked)),
        h('td', { 'data-label': t('history.payout'), class: 'num paid' }, num(r.payout)),
        h('td', { 'data-label': t('history.net'), class: 'num net' }, roundNet(r)),
        h(
          'td',
          { 'data-label': t('history.proof'), class: 'proof-cell' },
          h(
            'a',
            {
              class: 'proof-link',
              href: `/history?round=${r.id}`,
              'aria-label': t('history.proof_of', { id: r.id }),
            },
            icon('shield'),
            h('span', null, r.id),
          ),
        ),
      ),
  });
  list.start(back);
  return {
    title: t('nav.history'),
    body: h(
      'div',
      { class: 'stack' },
      h('h1', null, t('nav.history')),
      h(
        'section',
        { class: 'panel stack' },
        h(
          'div',
          { class: 'row between filters' },
          list.filters,
          h(
            'button',
            {
              class: 'button slim',
              type: 'button',
              id: 'csv',
              onclick: () => {
                void csv();
              },
            },
            icon('download'),
            'CSV',
          ),
        ),
        list.element,
      ),
    ),
    leave: list.leave,
  };

  /** Each line has everything that the proof of its round needs. */
  async function csv() {
    const rounds = await list.all();
    saveCSV(
      'imperio-rounds.csv',
      [
        'id',
        'game',
        'rules',
        'opened_at',
        'settled_at',
        'stake',
        'staked',
        'payout',
        'bets',
        'actions',
        'outcome',
        'commitment',
        'client_seed',
        'pair',
        'nonce',
        'server_seed',
      ],
      rounds.map((r) => [
        r.id,
        r.game,
        r.rules,
        r.opened_at,
        r.settled_at,
        r.stake,
        r.staked,
        r.payout,
        r.bets ? JSON.stringify(r.bets) : null,
        r.actions?.join(' ') ?? null,
        r.outcome ? JSON.stringify(r.outcome) : null,
        r.commitment,
        r.client_seed,
        r.pair,
        r.nonce,
        r.server_seed,
      ]),
    );
  }
}

/** One round in full. @param {string} id */
async function oneRound(id) {
  /** @type {Round} */
  let r;
  try {
    r = await get(`/me/rounds/${encodeURIComponent(id)}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return h('p', { class: 'note bad' }, errorText(error.code, error.retryAfter));
  }
  return h(
    'div',
    { class: 'two' },
    h(
      'section',
      { class: 'panel' },
      h('h2', null, t(`game.${r.game}`)),
      h('div', { class: 'marks big' }, roundMarks(r)),
      h(
        'dl',
        { class: 'facts' },
        h('dt', null, t('history.time')),
        h('dd', null, dateTime(r.opened_at)),
        h('dt', null, t('history.stake')),
        h('dd', null, num(r.staked)),
        h('dt', null, t('history.payout')),
        h('dd', null, num(r.payout)),
        h('dt', null, t('history.net')),
        h('dd', null, roundNet(r)),
        h('dt', null, t('fair.rules')),
        h('dd', { class: 'mono' }, r.rules),
      ),
      r.game === 'roulette' &&
        r.outcome?.bets &&
        h(
          'ul',
          { class: 'plain' },
          r.outcome.bets.map((/** @type {import('../app/types.js').Bet} */ bet) =>
            h(
              'li',
              null,
              h('span', null, betName(bet)),
              h('b', { class: bet.payout ? 'gold' : 'quiet' }, `→ ${num(bet.payout ?? 0)}`),
            ),
          ),
        ),
      r.game === 'blackjack' &&
        r.outcome &&
        h(
          'div',
          { class: 'stack' },
          h('p', { class: 'row' }, h('span', { class: 'quiet' }, t('blackjack.dealer')), cards(r.outcome.dealer.cards)),
          r.outcome.hands.map((/** @type {import('../app/types.js').Hand} */ hand) =>
            h(
              'p',
              { class: 'row' },
              h('span', { class: 'quiet' }, hand.result ? t(`result.${hand.result}`) : t('blackjack.open')),
              cards(hand.cards),
            ),
          ),
        ),
      !r.settled && h('a', { class: 'button', href: `/${r.game}` }, t('history.resume')),
    ),
    h(
      'section',
      { class: 'panel' },
      h('h2', null, t('history.proof')),
      h(
        'dl',
        { class: 'facts' },
        h('dt', null, t('fair.commitment')),
        h('dd', { class: 'mono' }, r.commitment),
        h('dt', null, t('fair.client_seed')),
        h('dd', { class: 'mono' }, r.client_seed),
        h('dt', null, t('fair.nonce')),
        h('dd', { class: 'mono' }, num(r.nonce)),
        h('dt', null, t('fair.server_seed')),
        h('dd', { class: 'mono' }, r.server_seed ?? t('history.hidden_seed')),
      ),
      h('p', { class: 'quiet' }, t(r.server_seed ? 'fair.round_revealed' : 'fair.round_hidden')),
      h(
        'div',
        { class: 'row' },
        h('a', { class: 'button', href: `/fairness?round=${r.id}` }, icon('shield'), t('shield.verify')),
        h('a', { class: 'button', href: '/history' }, t('history.all')),
      ),
    ),
  );
}

/** @param {import('../app/types.js').Card[]} list */
function cards(list) {
  return h(
    'span',
    { class: 'small-cards' },
    list.map((c) => h('im-card', { rank: c.rank, suit: c.suit })),
  );
}

/** @param {import('../app/types.js').Bet} bet */
function betName(bet) {
  const numbers = [...(bet.numbers ?? [])].sort((a, b) => a - b).join('-');
  const spot = SPOTS.find(
    (x) => x.type === bet.type && (numbers ? x.numbers.join('-') === numbers : x.selection === (bet.selection ?? 0)),
  );
  return spot ? spotName(spot, bet.amount) : `${bet.type} ${num(bet.amount)}`;
}
