// A player's season: the figures, and the rounds that count, which anybody can add up.
import { h, announce } from '../app/dom.js';
import { t, num, coins, signed, decimal, shortTime, errorText } from '../app/i18n.js';
import { get, query, ApiError } from '../app/api.js';
import { icon } from '../components/icons.js';
import { avatar } from '../components/avatar.js';
import { pagedTable } from '../components/list.js';

/** @typedef {import('../app/types.js').CountedRound} CountedRound */
/** @typedef {import('../app/types.js').Standing} Standing */

/** @param {string} _ @param {boolean} back @returns {Promise<import('../app/routes.js').Page>} */
export default async function seasonPlayerPage(_, back) {
  const asked = new URLSearchParams(location.search);
  const [season, entry] = [asked.get('season') ?? '', asked.get('entry') ?? ''];
  const path = `/seasons/${encodeURIComponent(season)}/players/${encodeURIComponent(entry)}`;
  /** @type {Standing} */
  let player;
  try {
    if (!/^\d+$/.test(season) || !/^\d+$/.test(entry)) throw new ApiError(404, 'player_not_found');
    ({ player } = await get(`${path}?limit=1`));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    return {
      title: t('season.player'),
      body: h(
        'div',
        { class: 'narrow stack' },
        h('h1', null, t('season.player')),
        h('p', null, errorText(error.code)),
        h('a', { class: 'button', href: '/seasons' }, t('season.all')),
      ),
    };
  }
  const name = player.shown_name ?? t('season.deleted');
  const list = pagedTable({
    path,
    key: 'rounds',
    look: 'counted',
    empty: t('season.no_rounds'),
    columns: [
      [t('history.time'), false],
      [t('history.game'), false],
      [t('history.stake'), true],
      [t('history.payout'), true],
      [t('history.net'), true],
      [t('history.proof'), false],
    ],
    filters: {},
    row: (/** @type {CountedRound} */ r) => {
      const net = r.payout - r.staked;
      return h(
        'tr',
        { 'data-round': r.id },
        h('td', { 'data-label': t('history.time'), class: 'time' }, shortTime(r.settled_at)),
        h('td', { 'data-label': t('history.game'), class: 'what' }, t(`game.${r.game}`)),
        h('td', { 'data-label': t('history.stake'), class: 'num staked' }, num(r.staked)),
        h('td', { 'data-label': t('history.payout'), class: 'num paid' }, num(r.payout)),
        h(
          'td',
          { 'data-label': t('history.net'), class: 'num net' },
          h('span', { class: net > 0 ? 'win' : 'loss' }, signed(net)),
        ),
        h(
          'td',
          { 'data-label': t('history.proof'), class: 'proof-cell' },
          h(
            'a',
            { class: 'proof-link', href: `/fairness?proof=${r.id}`, 'aria-label': t('history.proof_of', { id: r.id }) },
            icon('shield'),
            h('span', null, r.id),
          ),
        ),
      );
    },
  });
  list.start(back);
  return {
    title: name,
    body: h(
      'div',
      { class: 'stack reading seasons' },
      h('p', { class: 'quiet' }, h('a', { href: `/seasons?season=${season}` }, t('season.title', { n: season }))),
      h('h1', { class: 'player-name' }, avatar(player.avatar, 64), h('span', null, name)),
      figures(player),
      addUp(path),
      h('section', { class: 'panel stack' }, h('h2', null, t('season.rounds_title')), list.element),
    ),
    leave: list.leave,
  };
}

/** @param {Standing} player */
function figures(player) {
  const times = player.best && player.best.payout / player.best.staked;
  /** @type {[string, string|Node][]} */
  const list = [
    ['net', signed(player.net)],
    ['rounds', num(player.rounds)],
    ['staked', coins(player.staked)],
    ['paid', coins(player.paid)],
  ];
  if (player.best && times) {
    const words = `×${decimal(times, Number.isInteger(times) ? 0 : 2)}`;
    list.push([
      'multiplier',
      player.best.proof ? h('a', { href: `/fairness?proof=${player.best.round_id}` }, words) : words,
    ]);
  }
  return h(
    'dl',
    { class: 'tiles season-figures' },
    list.map(([key, value]) =>
      h(
        'div',
        { class: 'panel tile' },
        h('dt', { class: 'quiet small' }, t(`board.${key}`)),
        h('dd', { 'data-figure': key }, value),
      ),
    ),
  );
}

/** Reads all rounds and adds them up, in this browser. @param {string} path */
function addUp(path) {
  const said = h('p', { class: 'sum', role: 'status' });
  const button = h(
    'button',
    { class: 'button', type: 'button', id: 'add-up', onclick: () => void add() },
    t('season.add_up'),
  );
  async function add() {
    button.disabled = true;
    said.className = 'sum';
    try {
      /** The figures as they were when the first page was read; rounds that come later are on no other page. @type {Standing|null} */
      let player = null;
      const sum = { rounds: 0, staked: 0, paid: 0 };
      /** @type {string|null} */
      let cursor = null;
      do {
        /** @type {{player: Standing, rounds: CountedRound[], next_cursor: string|null}} */
        const page = await get(`${path}${query({ limit: 100, cursor })}`);
        player ??= page.player;
        for (const round of page.rounds) {
          sum.rounds += 1;
          sum.staked += round.staked;
          sum.paid += round.payout;
        }
        cursor = page.next_cursor;
        if (cursor) said.textContent = t('season.adding', { n: num(sum.rounds), of: num(player.rounds) });
      } while (cursor);
      const same = player.rounds === sum.rounds && player.staked === sum.staked && player.paid === sum.paid;
      const words = !same ? 'season.differs' : sum.rounds === 1 ? 'season.one_adds_up' : 'season.adds_up';
      said.textContent = t(words, {
        n: num(sum.rounds),
        net: signed(sum.paid - sum.staked),
        rounds: num(player.rounds),
        said: signed(player.net),
      });
      said.classList.add(same ? 'right' : 'wrong');
      said.dataset.sum = same ? 'same' : 'differs';
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      said.textContent = errorText(error.code, error.retryAfter);
      announce(said.textContent);
    } finally {
      button.disabled = false;
    }
  }
  return h(
    'section',
    { class: 'panel stack' },
    h('h2', null, t('season.add_title')),
    h('p', { class: 'quiet' }, t('season.add_text')),
    h('div', { class: 'row' }, button, said),
  );
}
