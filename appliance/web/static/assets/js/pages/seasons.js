// The seasons: the running one, its boards, and those that have ended. Public, and without haste.
import { h, announce, asset } from '../app/dom.js';
import { t, num, signed, decimal, dateTime, period, errorText } from '../app/i18n.js';
import { get, query, ApiError } from '../app/api.js';
import { correct } from '../app/navigation.js';
import { state } from '../app/store.js';
import { mayInvite } from '../app/frame.js';
import { html, nothing, render, repeat } from '../app/html.js';
import { icon } from '../components/icons.js';
import { avatar } from '../components/avatar.js';
import { copyable } from '../components/copy.js';

/** @typedef {import('../app/types.js').Board} Board */
/** @typedef {import('../app/types.js').Season} Season */
/** @typedef {import('../app/types.js').Seasons} Seasons */
/** @typedef {import('../app/types.js').Standing} Standing */
/** @typedef {Board['board']} Kind */

/** @type {Kind[]} */
const BOARDS = ['net', 'multiplier', 'rounds'];

/** @returns {Promise<import('../app/routes.js').Page>} */
export default async function seasonsPage() {
  const asked = new URLSearchParams(location.search);
  const root = h('div', { class: 'stack reading seasons' });
  /** @type {Seasons} */
  const list = await get('/seasons?limit=25');
  /** @type {Kind} */
  let kind = BOARDS.find((b) => b === asked.get('board')) ?? 'net';
  let number = Number(asked.get('season')) || list.running?.number || list.past[0]?.number || null;
  /** @type {Board|null} */
  let board = null;
  let wrong = '';
  let turn = 0;

  async function load() {
    turn += 1;
    const mine = turn;
    if (number === null) return;
    try {
      const answer = await get(`/seasons/${number}${query({ board: kind })}`);
      if (mine !== turn) return;
      board = answer;
      wrong = '';
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine !== turn) return;
      board = null;
      wrong = errorText(error.code, error.retryAfter);
    }
  }

  /** Another board, or another season, without leaving the page. @param {Kind} board_ @param {number} season */
  async function choose(board_, season) {
    kind = board_;
    number = season;
    correct(
      `/seasons${query({ board: kind === 'net' ? null : kind, season: season === list.running?.number ? null : season })}`,
    );
    draw();
    await load();
    draw();
    announce(wrong || caption());
  }

  async function more() {
    const page = await get(`/seasons${query({ limit: 25, cursor: list.next_cursor })}`);
    list.past.push(...page.past);
    list.next_cursor = page.next_cursor;
    draw();
  }

  const caption = () => t('season.caption', { board: t(`board.${kind}`), n: number ?? '' });

  function draw() {
    render(
      html`
        <h1>${t('nav.seasons')}</h1>
        <p class="lede">${t('season.lede')}</p>
        ${number === null ? none(list) : chosen()} ${past()}
      `,
      root,
    );
  }

  function chosen() {
    const season = board?.season ?? [list.running, ...list.past].find((s) => s?.number === number) ?? null;
    return html`<section class="panel stack" id="board">
      <div class="row between">
        <h2>${t('season.title', { n: number ?? '' })}</h2>
        ${season ? html`<p class="quiet" id="season-end">${when(season)}</p>` : nothing}
      </div>
      <div class="row between">
        <nav class="boards" aria-label=${t('season.boards')}>
          ${BOARDS.map(
            (b) =>
              html`<a
                href=${`/seasons${query({ board: b, season: number })}`}
                data-board=${b}
                aria-current=${b === kind ? 'true' : nothing}
                @click=${(/** @type {MouseEvent} */ event) => {
                  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
                  event.preventDefault();
                  void choose(b, /** @type {number} */ (number));
                }}
                >${t(`board.${b}`)}</a
              >`,
          )}
        </nav>
        ${
          number !== list.running?.number && list.running
            ? html`<button
                class="button slim"
                type="button"
                @click=${() => void choose(kind, /** @type {Season} */ (list.running).number)}
              >
                ${t('season.to_running')}
              </button>`
            : nothing
        }
      </div>
      <p class="quiet small board-text">${t(`board_text.${kind}`)}</p>
      ${
        wrong
          ? html`<p class="note bad" role="alert">${wrong}</p>`
          : board?.board === kind && board.season.number === number
            ? standings(board)
            : html`<div class="stack bones">${[1, 2, 3, 4].map(() => html`<div class="skeleton"></div>`)}</div>`
      }
    </section>`;
  }

  /** @param {Board} shown */
  function standings(shown) {
    if (!shown.entries.length)
      return html`<div class="empty">
          <img src=${asset('img/laurel.svg')} alt="" width="56" height="56" />
          <p class="quiet">${t(shown.season.ended_at ? 'season.nobody_was' : 'season.nobody')}</p>
        </div>
        ${own(shown)}`;
    return html`<table class="table standings">
        <caption class="sr">
          ${caption()}
        </caption>
        <thead>
          <tr>
            <th scope="col" class="num">${t('season.rank')}</th>
            <th scope="col">${t('season.player')}</th>
            <th scope="col" class="num">${t(`board.${kind}`)}</th>
            ${kind === 'rounds' ? nothing : html`<th scope="col" class="num also">${t('board.rounds')}</th>`}
            <th scope="col"><span class="sr">${t('history.proof')}</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            shown.entries,
            (e) => e.id,
            (e) => row(shown, e),
          )}
        </tbody>
      </table>
      ${own(shown)}
      ${shown.as_of ? html`<p class="quiet small">${t('season.as_of', { time: dateTime(shown.as_of) })}</p>` : nothing}`;
  }

  /** @param {Board} shown @param {Standing} e */
  function row(shown, e) {
    const mine = e.id === shown.own?.id;
    const name = e.shown_name ?? t('season.deleted');
    const to = proofOf(shown, e);
    return html`<tr class=${mine ? 'own' : ''} data-entry=${e.id}>
      <td class="num rank">${e.rank === null ? '–' : num(e.rank)}</td>
      <th scope="row">
        <div class="who">
          ${avatar(e.avatar, 32)}
          <span class=${e.shown_name ? 'name' : 'name quiet'}>${name}</span>
          ${mine ? html`<span class="tag">${t('season.you')}</span>` : nothing}
        </div>
      </th>
      <td class="num figure">${figureOf(kind, e)}</td>
      ${kind === 'rounds' ? nothing : html`<td class="num also">${num(e.rounds)}</td>`}
      <td class="proof-cell">
        ${
          to
            ? html`<a class="proof-link" href=${to} aria-label=${t('season.proof_of', { name })}>
                ${icon('shield')}<span>${t('history.proof')}</span>
              </a>`
            : html`<span class="quiet small">${t('season.private')}</span>`
        }
      </td>
    </tr>`;
  }

  /** One's own place, if it is not on the board anyway. @param {Board} shown */
  function own(shown) {
    const { account, profile } = state;
    if (!account || !profile) return nothing;
    const mine = shown.own;
    if (mine && shown.entries.some((e) => e.id === mine.id)) return nothing;
    if (mine)
      return html`<p class="own-place" id="own-place">
        ${avatar(mine.avatar, 32)}
        <span
          >${ownWords(mine)}
          ${mine.proof ? html`<a href=${playerPath(shown.season, mine)}>${t('season.rounds_title')}</a>` : nothing}</span
        >
      </p>`;
    if (shown.season.ended_at) return nothing;
    if (profile.in_seasons) return html`<p class="quiet" id="own-place">${t('season.own_none')}</p>`;
    return mayInvite(account) && list.reset !== 'off'
      ? html`<p class="quiet" id="how-to-join">${t('season.how')} <a href="/profile">${t('nav.profile')}</a></p>`
      : nothing;
  }

  /** The digests as they are drawn, so that drawing anew leaves their buttons alone. @type {Map<number, Node>} */
  const digests = new Map();

  /** @param {Season} season */
  function digest(season) {
    if (!season.digest) return nothing;
    const drawn = digests.get(season.number) ?? copyable(season.digest, t('season.digest'));
    digests.set(season.number, drawn);
    return drawn;
  }

  /** @param {Standing} mine */
  function ownWords(mine) {
    if (kind === 'multiplier' && !mine.best) return t('season.own_nothing_paid');
    const figure = figureOf(kind, mine);
    return mine.rank === null
      ? t('season.own_unranked', { figure })
      : t('season.own_place', { rank: num(mine.rank), figure });
  }

  function past() {
    if (!list.past.length) return nothing;
    return html`<section class="panel stack" id="past">
      <h2>${t('season.past')}</h2>
      <p class="quiet">${t('season.digest_text')}</p>
      <ul class="past-seasons">
        ${repeat(
          list.past,
          (s) => s.number,
          (s) =>
            html`<li>
              <h3>
                <a href=${`/seasons${query({ board: kind, season: s.number })}`}
                  >${t('season.title', { n: s.number })}</a
                >
              </h3>
              <p class="quiet small">${when(s)} · ${players(s.players ?? 0)}</p>
              <p class="digest">${digest(s)}</p>
            </li>`,
        )}
      </ul>
      ${list.next_cursor ? html`<button class="button" type="button" @click=${more}>${t('action.more')}</button>` : nothing}
    </section>`;
  }

  draw();
  await load();
  draw();
  return { title: t('nav.seasons'), body: root };
}

/** No season has ever begun. @param {Seasons} list */
function none(list) {
  return html`<section class="panel empty">
    <img src=${asset('img/laurel.svg')} alt="" width="56" height="56" />
    <p class="quiet">${t(list.reset === 'off' ? 'season.off' : 'season.none')}</p>
  </section>`;
}

/** When a season ends, or when it was. @param {Season} season */
function when(season) {
  return season.ended_at
    ? period(Date.parse(season.began_at), Date.parse(season.ended_at))
    : t('season.ends', { time: dateTime(season.ends_at ?? '') });
}

/** @param {number} n */
function players(n) {
  return t(n === 1 ? 'season.one_player' : 'season.players', { n: num(n) });
}

/** The figure of a board in words. @param {Kind} kind @param {Standing} e */
function figureOf(kind, e) {
  if (kind === 'net') return signed(e.net);
  if (kind === 'rounds') return num(e.rounds);
  if (!e.best) return '–';
  const times = e.best.payout / e.best.staked;
  return `×${decimal(times, Number.isInteger(times) ? 0 : 2)}`;
}

/**
 * What proves a figure: the round itself, or all rounds.
 * @param {Board} board @param {Standing} e
 */
function proofOf({ board, season, own }, e) {
  if (board !== 'multiplier') return e.proof ? playerPath(season, e) : null;
  if (!e.best?.proof) return null;
  return `/fairness?${e.id === own?.id ? 'round' : 'proof'}=${e.best.round_id}`; // of one's own, the seed can be revealed there
}

/** @param {Season} season @param {Standing} e */
function playerPath(season, e) {
  return `/seasons/player${query({ season: season.number, entry: e.id })}`;
}
