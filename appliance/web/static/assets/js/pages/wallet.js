// The wallet: balance, statistics, transfers.
import { h } from '../dom.js';
import { t, num, signed, coins, shortTime } from '../i18n.js';
import { icon } from '../icons.js';
import { state } from '../store.js';
import { get } from '../api.js';
import { pagedTable, choice, saveCSV } from '../components/list.js';
import { balanceChart, gamesChart } from '../components/charts.js';

const KINDS = ['welcome', 'stake', 'raise', 'payout', 'daily', 'grant'];
export const GAMES = ['slots', 'roulette', 'blackjack'];

/** @returns {Promise<import('../router.js').Page>} */
export default async function wallet() {
  /** @type {import('../types.js').Statistics} */
  const statistics = await get('/me/statistics');
  /** @type {import('../types.js').Transfer[]} */
  const recent = (await get('/me/transfers?limit=100')).transfers;
  const list = pagedTable({
    path: '/me/transfers', key: 'transfers', empty: t('wallet.empty'),
    columns: [[t('wallet.time'), false], [t('wallet.kind'), false], [t('history.game'), false], [t('wallet.amount'), true], [t('wallet.balance_after'), true]],
    row: (/** @type {import('../types.js').Transfer} */ x) => h('tr', null,
      h('td', { 'data-label': t('wallet.time'), class: 'full' }, shortTime(x.time)), h('td', { 'data-label': t('wallet.kind') }, t(`kind.${x.kind}`)),
      h('td', { 'data-label': t('history.game') }, x.game && x.round_id ? h('a', { href: `/history?round=${x.round_id}` }, t(`game.${x.game}`)) : '–'),
      h('td', { 'data-label': t('wallet.amount'), class: `num ${x.amount > 0 ? 'gold' : ''}` }, signed(x.amount)), h('td', { 'data-label': t('wallet.balance_after'), class: 'num' }, num(x.balance_after))),
  });
  void list.load();
  const played = statistics.games.filter((g) => g.rounds > 0);
  const total = statistics.total;
  return {
    title: t('nav.wallet'),
    body: h('div', { class: 'stack' }, h('h1', null, t('nav.wallet')),
      h('div', { class: 'tiles' }, tile(t('purse.balance'), num(state.account?.coins ?? 0), true), tile(t('wallet.held'), num(state.account?.held_coins ?? 0)), tile(t('wallet.rounds'), num(total.rounds)),
        tile(t('wallet.net'), signed(total.net)), tile(t('wallet.biggest'), num(total.biggest_win))),
      h('div', { class: 'two' },
        h('section', { class: 'panel' }, h('h2', null, t('chart.balance')), recent.length > 1 ? balanceChart([...recent].reverse()) : h('p', { class: 'quiet' }, t('chart.too_few'))),
        h('section', { class: 'panel' }, h('h2', null, t('chart.games')), played.length ? gamesChart(played) : h('p', { class: 'quiet' }, t('chart.no_rounds')))),
      h('section', { class: 'panel' }, h('div', { class: 'row between' }, h('h2', null, t('wallet.transfers')), h('button', { class: 'button slim', type: 'button', id: 'csv', onclick: () => { void csv(); } }, icon('download'), 'CSV')),
        h('div', { class: 'row filters' }, choice(t('wallet.kind'), [['', t('filter.all')], ...KINDS.map((k) => /** @type {[string, string]} */ ([k, t(`kind.${k}`)]))], (kind) => { void list.filter({ kind }); }),
          choice(t('history.game'), [['', t('filter.all')], ...GAMES.map((g) => /** @type {[string, string]} */ ([g, t(`game.${g}`)]))], (game) => { void list.filter({ game }); })),
        list.element),
      h('p', { class: 'quiet small' }, t('wallet.note', { coins: coins(0) }))),
  };

  async function csv() {
    const items = await list.all();
    saveCSV('imperio-transfers.csv', ['id', 'time', 'kind', 'game', 'round_id', 'amount', 'balance_after'], items.map((x) => [x.id, x.time, x.kind, x.game, x.round_id, x.amount, x.balance_after]));
  }
}

/** @param {string} label @param {string} value @param {boolean} [gold] */
function tile(label, value, gold) { return h('div', { class: 'tile panel' }, h('span', { class: 'quiet small' }, label), h('strong', { class: gold ? 'gold' : null }, value)); }
