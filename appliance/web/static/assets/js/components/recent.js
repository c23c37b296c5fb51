// The last rounds, newest first, as a strip of small links to their proof.
import { h } from '../app/dom.js';
import { t, signed } from '../app/i18n.js';
import { get, query } from '../app/api.js';
import { guest } from '../app/guest.js';
import { state } from '../app/store.js';
import { GAMES } from '../games/list.js';

/** A round's outcome in a few marks. @param {import('../app/types.js').Round} round */
export function roundMarks(round) {
  return GAMES[round.game]?.marks(round) ?? [];
}

/** The net result in words and colour; an open round has none yet. @param {import('../app/types.js').Round} round */
export function roundNet(round) {
  if (!round.settled) return h('span', { class: 'tag' }, t('history.open'));
  const net = round.payout - round.staked;
  return h('span', { class: net > 0 ? 'win' : 'loss' }, signed(net));
}

/** @param {import('../app/types.js').Round} round */
function item(round) {
  const href = round.demo ? proofPath(round) : `/history?round=${round.id}`;
  return h('li', { 'data-round': round.id }, h('a', { href }, roundMarks(round), roundNet(round)));
}

/** Where a round is verified. @param {import('../app/types.js').Round} round */
export function proofPath(round) {
  return `/fairness?${round.demo ? 'demo' : 'round'}=${round.id}`;
}

/** A strip for one game, or for all. @param {string} [game] */
export function recentStrip(game) {
  const list = h('ul', { class: 'recent' });
  if (state.account)
    list.append(...Array.from({ length: 4 }, () => h('li', { class: 'skeleton', 'aria-hidden': 'true' })));
  const strip = h('section', { class: 'strip' }, h('h2', null, t('recent.title')), list);
  /** Takes the skeletons away. */
  const bare = () => list.querySelectorAll('.skeleton').forEach((bone) => bone.remove());
  const empty = () =>
    list.replaceChildren(h('li', { class: 'quiet small' }, t(state.account ? 'recent.empty' : 'demo.no_rounds')));
  return {
    element: strip,
    async load() {
      /** @type {import('../app/types.js').Round[]} */
      const rounds = state.account
        ? (await get(`/me/rounds${query({ limit: 12, game })}`).finally(bare)).rounds
        : guest.rounds.filter((r) => !game || r.game === game).slice(0, 12);
      if (rounds.length) list.replaceChildren(...rounds.map(item));
      else empty();
      return rounds;
    },
    /** @param {import('../app/types.js').Round} round */
    add(round) {
      if (!list.querySelector('a')) list.replaceChildren();
      list.querySelector(`[data-round="${round.id}"]`)?.remove();
      list.prepend(item(round));
      while (list.children.length > 12) list.lastElementChild?.remove();
    },
  };
}
