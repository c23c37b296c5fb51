// The wallet: balance, statistics, transfers.
import { h } from '../app/dom.js';
import { t, num, signed, coins, period, shortTime, errorText } from '../app/i18n.js';
import { icon } from '../components/icons.js';
import { state } from '../app/store.js';
import { get, query, ApiError } from '../app/api.js';
import { pagedTable, saveCSV } from '../components/list.js';
import { chartSpace, netChart, gamesChart } from '../components/charts.js';
import { NAMES } from '../games/list.js';

/**
 * The kinds to choose from. A transfer of the kind "closing" is an account's last: no player sees one. The kinds "import" and "returned"
 * are the first of players who moved in with the house: few, and easy to find.
 */
const KINDS = ['welcome', 'stake', 'raise', 'payout', 'daily', 'grant'];

/** The curve uses at most this many pages of a hundred rounds. */
const PAGES = 5;

/** @param {string} _ @param {boolean} back @returns {Promise<import('../app/routes.js').Page>} */
export default async function wallet(_, back) {
  /** @type {import('../app/types.js').Statistics} */
  const statistics = await get('/me/statistics');
  const list = pagedTable({
    path: '/me/transfers',
    key: 'transfers',
    look: 'transfers',
    empty: t('wallet.empty'),
    columns: [
      [t('wallet.time'), false],
      [t('wallet.kind'), false],
      [t('history.game'), false],
      [t('wallet.amount'), true],
      [t('wallet.balance_after'), true],
    ],
    filters: {
      kind: choices(t('wallet.kind'), 'kind.', KINDS),
      game: choices(t('history.game'), 'game.', NAMES),
    },
    row: (/** @type {import('../app/types.js').Transfer} */ x) =>
      h(
        'tr',
        null,
        h('td', { 'data-label': t('wallet.time'), class: 'time' }, shortTime(x.time)),
        h('td', { 'data-label': t('wallet.kind'), class: 'what' }, t(`kind.${x.kind}`)),
        h(
          'td',
          { 'data-label': t('history.game'), class: 'of' },
          x.game && x.round_id ? h('a', { href: `/history?round=${x.round_id}` }, t(`game.${x.game}`)) : '–',
        ),
        h(
          'td',
          {
            'data-label': t('wallet.amount'),
            class: `num amount ${x.amount > 0 ? 'gold' : ''}`,
          },
          signed(x.amount),
        ),
        h('td', { 'data-label': t('wallet.balance_after'), class: 'num after' }, num(x.balance_after)),
      ),
  });
  list.start(back);
  const curve = h('div', null, chartSpace(), h('p', { class: 'quiet small covers' }));
  const played = statistics.games.filter((g) => g.rounds > 0);
  const total = statistics.total;
  if (total.rounds > 1) void drawCurve(curve, total.rounds);
  return {
    title: t('nav.wallet'),
    body: h(
      'div',
      { class: 'stack' },
      h('h1', null, t('nav.wallet')),
      h(
        'div',
        { class: 'tiles' },
        tile(t('purse.balance'), state.account?.coins ?? 0, true),
        tile(t('wallet.held'), state.account?.held_coins ?? 0),
        tile(t('wallet.rounds'), total.rounds),
        tile(t('wallet.net'), total.net, false, signed(total.net)),
        tile(t('wallet.biggest'), total.biggest_win),
      ),
      h(
        'div',
        { class: 'two' },
        h(
          'section',
          { class: 'panel' },
          h('h2', null, t('chart.net')),
          total.rounds > 1 ? curve : h('p', { class: 'quiet' }, t('chart.too_few')),
        ),
        h(
          'section',
          { class: 'panel' },
          h('h2', null, t('chart.games')),
          played.length ? gamesChart(played) : h('p', { class: 'quiet' }, t('chart.no_rounds')),
        ),
      ),
      h(
        'section',
        { class: 'panel' },
        h(
          'div',
          { class: 'row between' },
          h('h2', null, t('wallet.transfers')),
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
        h('div', { class: 'row filters' }, list.filters),
        list.element,
      ),
      h('p', { class: 'quiet small' }, t('wallet.note', { coins: coins(0) })),
    ),
    leave: list.leave,
  };

  async function csv() {
    const items = await list.all();
    saveCSV(
      'imperio-transfers.csv',
      ['id', 'time', 'kind', 'game', 'round_id', 'amount', 'balance_after'],
      items.map((x) => [x.id, x.time, x.kind, x.game, x.round_id, x.amount, x.balance_after]),
    );
  }
}

/** @param {string} label @param {string} prefix of the keys of its words @param {readonly string[]} values */
export function choices(label, prefix, values) {
  return {
    label,
    options: /** @type {[string, string][]} */ ([['', t('filter.all')], ...values.map((v) => [v, t(prefix + v)])]),
  };
}

/** @param {string} label @param {number} n @param {boolean} [gold] @param {string} [whole] how it is written */
function tile(label, n, gold, whole = num(n)) {
  return h(
    'div',
    { class: 'tile panel' },
    h('span', { class: 'quiet small' }, label),
    h('strong', { class: `${gold ? 'gold' : ''} ${whole.length > 9 ? 'long' : ''}` }, whole),
  );
}

/**
 * Draws the net result over the newest settled rounds, and says which they are.
 * @param {HTMLElement} box
 * @param {number} rounds how many there are
 */
async function drawCurve(box, rounds) {
  /** @type {{time: number, net: number}[]} newest first */
  const steps = [];
  try {
    /** @type {string|null} */
    let cursor = null;
    for (let i = 0; i < PAGES && (i === 0 || cursor); i += 1) {
      /** @type {{rounds: import('../app/types.js').Round[], next_cursor: string|null}} */
      const page = await get(`/me/rounds${query({ limit: 100, cursor })}`);
      for (const r of page.rounds)
        if (r.settled_at)
          steps.push({
            time: Date.parse(r.settled_at),
            net: r.payout - r.staked,
          });
      cursor = page.next_cursor;
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    box.lastElementChild?.replaceChildren(errorText(error.code, error.retryAfter));
    return;
  }
  steps.reverse();
  for (let i = 1; i < steps.length; i += 1) steps[i].net += steps[i - 1].net;
  const words = {
    n: num(steps.length),
    period: period(steps[0].time, steps[steps.length - 1].time),
  };
  box.replaceChildren(
    netChart(steps),
    h('p', { class: 'quiet small covers' }, t(steps.length < rounds ? 'chart.covers_last' : 'chart.covers_all', words)),
  );
}
