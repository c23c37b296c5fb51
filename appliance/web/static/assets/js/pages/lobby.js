// The lobby: the games, the player's recent rounds, daily coins.
import { h, reducedMotion } from '../app/dom.js';
import { t, num, percent, dateTime } from '../app/i18n.js';
import { state, games, canSignUp } from '../app/store.js';
import { get } from '../app/api.js';
import { device } from '../app/kept.js';
import { mayInvite } from '../app/frame.js';
import { recentStrip } from '../components/recent.js';
import '../components/coins.js';
import { GAMES } from '../games/list.js';

/** @returns {Promise<import('../app/routes.js').Page>} */
export default async function lobby() {
  const [list, season] = await Promise.all([games(), seasonToTell()]);
  const strip = recentStrip();
  void strip.load().catch(() => {}); // the strip stays empty; the banner reports the lost connection
  const cards = h('ul', { class: 'cards' }, await Promise.all(list.map(gameCard)));
  const resume = state.account?.open_round_id && (await roundAddress(state.account.open_round_id));
  const watch = wake(cards);
  return {
    title: t('lobby.title'),
    body: h(
      'div',
      { class: 'lobby' },
      h(
        'div',
        { class: 'welcome' },
        h('h1', null, state.account ? t('lobby.hello', { name: state.account.username }) : t('lobby.heading')),
        h('p', { class: 'lede' }, t('lobby.lede')),
      ),
      state.account
        ? h(
            'section',
            { class: 'daily panel', 'aria-label': t('daily.title') },
            h('span', { class: 'coin' }),
            h('im-daily'),
          )
        : h(
            'p',
            { class: 'row' },
            canSignUp() && h('a', { class: 'button primary', href: '/sign-up' }, t('lobby.begin')),
            h(
              'a',
              {
                class: canSignUp() ? 'button' : 'button primary',
                href: '/sign-in',
              },
              t('nav.sign_in'),
            ),
          ),
      state.account?.open_round_id &&
        h(
          'p',
          { class: 'note row between' },
          h('span', null, t('lobby.open_round')),
          h('a', { class: 'button slim', href: resume }, t('history.resume')),
        ),
      season && seasonLine(season),
      cards,
      state.account && strip.element,
      h(
        'section',
        { class: 'promises' },
        ['fair', 'calm', 'yours'].map((p) =>
          h('div', null, h('h2', null, t(`promise.${p}.title`)), h('p', { class: 'quiet' }, t(`promise.${p}.text`))),
        ),
      ),
    ),
    leave: () => watch?.disconnect(),
  };
}

/**
 * The running season, for players who may be invited, take no part yet, and have not put the line away on this device.
 * @returns {Promise<import('../app/types.js').Season|null>}
 */
async function seasonToTell() {
  const { account, profile } = state;
  if (!account || !mayInvite(account) || !profile || profile.in_seasons || device.get('no-seasons')) return null;
  try {
    const seasons = await get('/seasons?limit=1');
    return seasons.reset === 'off' ? null : seasons.running;
  } catch {
    return null; // the lobby can do without
  }
}

/** @param {import('../app/types.js').Season} season */
function seasonLine(season) {
  const line = h(
    'p',
    { class: 'season-line quiet', id: 'season-line' },
    h(
      'span',
      null,
      t('season.line', { time: dateTime(season.ends_at ?? '') }),
      ' ',
      h('a', { href: '/seasons' }, t('season.line_more')),
    ),
    h(
      'button',
      {
        class: 'linklike',
        type: 'button',
        onclick: () => {
          device.set('no-seasons', 1);
          line.remove();
          document.getElementById('main')?.focus();
        },
      },
      t('season.line_away'),
    ),
  );
  return line;
}

/** The page of the game of an open round; the round's own page if the game can't be read. @param {string} id */
async function roundAddress(id) {
  try {
    return `/${(await get(`/me/rounds/${id}`)).game}`;
  } catch {
    return `/history?round=${id}`;
  }
}

/** On touch screens, where nothing hovers, a picture moves once as it scrolls into view. @param {HTMLElement} cards */
function wake(cards) {
  if (!matchMedia('(hover: none)').matches || reducedMotion()) return null;
  const watch = new IntersectionObserver(
    (seen) => {
      for (const x of seen) x.target.classList.toggle('awake', x.isIntersecting);
    },
    { threshold: 0.8 },
  );
  for (const card of cards.querySelectorAll('.picture')) watch.observe(card);
  return watch;
}

/** @param {import('../app/types.js').GameInfo} info */
async function gameCard(info) {
  const figures = info.sheet?.figures;
  return h(
    'li',
    null,
    h(
      'a',
      { class: `game-card ${info.game}`, href: `/${info.game}` },
      h('div', { class: 'picture', 'aria-hidden': 'true' }, await GAMES[info.game]?.picture()),
      h(
        'div',
        { class: 'words' },
        h('h2', null, t(`game.${info.game}`)),
        h('p', { class: 'quiet' }, info.enabled ? t(`lobby.${info.game}`) : t('bet.disabled')),
        h(
          'p',
          { class: 'figures' },
          h(
            'span',
            null,
            t('bet.limits', {
              min: num(info.min_stake),
              max: num(info.max_stake),
            }),
          ),
          figures && h('span', null, t('bet.return', { share: percent(figures.return_decimal) })),
        ),
      ),
    ),
  );
}
