// Fairness: commitments, seeds, rotation, and the proof of a round, computed in this browser.
import { h, announce, asset } from '../app/dom.js';
import { t, num, dateTime } from '../app/i18n.js';
import { icon } from '../components/icons.js';
import { guest } from '../app/guest.js';
import { state, fairness, rotate, drawSeed } from '../app/store.js';
import { copyable } from '../components/copy.js';
import { get, query, ApiError } from '../app/api.js';
import { form, textField } from '../components/form.js';
import { errorText } from '../app/i18n.js';
import { again } from '../app/navigation.js';

/** @returns {Promise<import('../app/routes.js').Page>} */
export default async function fairnessPage() {
  const { verifier } = await import('../fair/view.js');
  const { verifierWords, saveVerifier } = await import('../fair/saved.js');
  const wanted = new URLSearchParams(location.search).get('round');
  /** @type {import('../app/types.js').Round|null} */
  let round = null;
  let missing = '';
  const others = new URLSearchParams(location.search).get('proof');
  const demo = new URLSearchParams(location.search).get('demo');
  if (demo) {
    round = guest.rounds.find((r) => r.id === demo) ?? null;
    if (!round) missing = t('demo.gone');
  } else if (others || (wanted && state.account)) {
    try {
      round = await get(
        others ? `/proofs/${encodeURIComponent(others)}` : `/me/rounds/${encodeURIComponent(wanted ?? '')}`,
      );
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      missing = errorText(error.code, error.retryAfter);
    }
  }
  const now = state.account ? await fairness(true) : null;
  const start = round ? question(round) : {};
  const check = h(
    'section',
    { class: 'panel', id: 'verify' },
    h('h2', null, t(round ? 'fair.verdict' : 'fair.verify_title')),
    round && !round.server_seed && h('p', { class: 'note', id: 'hidden-seed' }, t('fair.round_hidden')),
    !round && h('p', { class: 'quiet' }, t('fair.verify_text')),
    verifier(verifierWords(), start),
    h('hr'),
    h(
      'div',
      { class: 'row' },
      h(
        'button',
        {
          class: 'button',
          type: 'button',
          id: 'save-verifier',
          onclick: () => {
            void saveVerifier(start);
          },
        },
        icon('download'),
        t('fair.save'),
      ),
      h('span', { class: 'quiet small' }, t('fair.save_text')),
    ),
  );
  // Nothing to compute yet, and nothing that the reader could do about it.
  const waits = round && others && !round.server_seed && notYet();
  const own = now ? [seeds(now), rotation(now)] : [h('p', { class: 'note' }, t('fair.sign_in'))];
  return {
    title: t('nav.fairness'),
    body: h(
      'div',
      { class: 'reading stack' },
      h('h1', null, round ? t('fair.round_title', { id: round.id }) : t('fair.title')),
      !round && h('p', { class: 'lede' }, t('fair.lede')),
      missing && h('p', { class: 'note bad' }, missing),
      // A round: the verdict first. Otherwise the seeds.
      ...(round ? [waits || check, roundBox(round), ...(round.demo || others ? [] : own)] : [...own, check]),
      now && !(round && others) && revealedTable(now),
    ),
  };
}

/** In place of the verdict, for a round of somebody else whose seed is still in use. */
function notYet() {
  return h(
    'section',
    { class: 'panel' },
    h('h2', null, t('history.proof')),
    h('p', { class: 'note', id: 'hidden-seed' }, t('season.seed_hidden')),
  );
}

/** @param {import('../app/types.js').Round} round */
function question(round) {
  return {
    rules: round.rules,
    serverSeed: round.server_seed ?? '',
    commitment: round.commitment,
    clientSeed: round.client_seed,
    nonce: round.nonce,
    stake: round.stake,
    bets: round.bets ?? [],
    actions: round.actions ?? [],
    expected: round.server_seed
      ? {
          stake: round.stake,
          staked: round.staked,
          payout: round.payout,
          settled: round.settled,
          outcome: round.outcome,
        }
      : undefined,
  };
}

/** @param {import('../app/types.js').Round} round */
function roundBox(round) {
  return h(
    'section',
    { class: 'panel' },
    h('h2', null, t(`game.${round.game}`)),
    h(
      'dl',
      { class: 'facts' },
      h('dt', null, t('fair.rules')),
      h('dd', { class: 'mono' }, round.rules),
      h('dt', null, t('history.time')),
      h('dd', null, dateTime(round.opened_at)),
      h('dt', null, t('history.stake')),
      h('dd', null, num(round.staked)),
      h('dt', null, t('history.payout')),
      h('dd', null, num(round.payout)),
      h('dt', null, t('fair.commitment')),
      h('dd', null, copyable(round.commitment, t('fair.commitment'))),
      h('dt', null, t('fair.client_seed')),
      h('dd', null, copyable(round.client_seed, t('fair.client_seed'))),
      round.server_seed && [
        h('dt', null, t('fair.server_seed')),
        h('dd', null, copyable(round.server_seed, t('fair.server_seed'))),
      ],
    ),
    round.server_seed && h('p', { class: 'quiet' }, t(round.demo ? 'demo.shield' : 'fair.round_revealed')),
  );
}

/** @param {import('../app/types.js').Fairness} now */
function seeds(now) {
  return h(
    'section',
    { class: 'panel' },
    h('h2', null, t('fair.now_title')),
    h(
      'dl',
      { class: 'facts' },
      h('dt', null, t('fair.commitment')),
      h('dd', null, copyable(now.commitment, t('fair.commitment'), { id: 'commitment' })),
      h('dt', null, t('fair.next_commitment')),
      h('dd', null, copyable(now.next_commitment, t('fair.next_commitment'), { id: 'next-commitment' })),
      h('dt', null, t('fair.client_seed')),
      h(
        'dd',
        null,
        copyable(now.client_seed, t('fair.client_seed'), { id: 'client-seed' }),
        now.client_seed_is_default && h('span', { class: 'quiet' }, ` (${t('fair.default_seed')})`),
      ),
      h('dt', null, t('fair.nonce')),
      h('dd', { id: 'nonce' }, num(now.nonce)),
    ),
  );
}

/** @param {import('../app/types.js').Fairness} now */
function rotation(now) {
  const seed = textField({
    name: 'client_seed',
    label: t('fair.new_client_seed'),
    required: true,
    value: drawSeed(),
    hint: t('fair.new_client_seed_hint'),
    codes: ['invalid_client_seed'],
  });
  const draw = h(
    'button',
    {
      class: 'button',
      type: 'button',
      onclick: () => {
        seed.input.value = drawSeed();
      },
    },
    t('fair.draw_seed'),
  );
  const box = form({
    fields: [seed],
    extra: [h('div', { class: 'row' }, draw)],
    submit: t('fair.rotate'),
    quiet: true,
    async send() {
      await rotate(seed.value);
      await again();
      /** @type {HTMLElement|null} */ (document.querySelector('#rotation button[type=submit]'))?.focus({
        preventScroll: true,
      });
      announce(t('fair.rotated'));
    },
  });
  box.id = 'rotation';
  box.prepend(
    h('h2', null, t('fair.rotate_title')),
    h('p', { class: 'quiet' }, t(now.open_round_id ? 'fair.rotate_open' : 'fair.rotate_text')),
  );
  return box;
}

/** @param {import('../app/types.js').Fairness} now */
function revealedTable(now) {
  const body = h('tbody');
  let cursor = now.next_cursor ?? null;
  /** @param {import('../app/types.js').Revealed[]} list */
  const add = (list) =>
    body.append(
      ...list.map((r) =>
        h(
          'tr',
          null,
          h('td', { 'data-label': t('fair.pair') }, num(r.pair)),
          h('td', { 'data-label': t('fair.rounds') }, num(r.rounds)),
          h('td', { 'data-label': t('fair.revealed_at') }, dateTime(r.revealed_at)),
          h(
            'td',
            { 'data-label': t('fair.server_seed'), class: 'full mono' },
            copyable(r.server_seed, t('fair.server_seed')),
          ),
          h('td', { 'data-label': t('fair.client_seed'), class: 'full mono' }, r.client_seed),
        ),
      ),
    );
  add(now.revealed ?? []);
  const more = h(
    'button',
    {
      class: 'button',
      type: 'button',
      hidden: !cursor,
      onclick: async () => {
        const page = await get(`/me/fairness${query({ cursor })}`);
        add(page.revealed);
        cursor = page.next_cursor;
        more.hidden = !cursor;
      },
    },
    t('action.more'),
  );
  return h(
    'section',
    { class: 'panel' },
    h('h2', null, t('fair.revealed_title')),
    now.revealed?.length
      ? [
          h(
            'table',
            { class: 'table cards seeds' },
            h(
              'thead',
              null,
              h(
                'tr',
                null,
                ['pair', 'rounds', 'revealed_at', 'server_seed', 'client_seed'].map((k) =>
                  h('th', { scope: 'col' }, t(`fair.${k}`)),
                ),
              ),
            ),
            body,
          ),
          more,
        ]
      : h(
          'div',
          { class: 'empty' },
          h('img', {
            src: asset('img/laurel.svg'),
            alt: '',
            width: 56,
            height: 56,
          }),
          h('p', { class: 'quiet' }, t('fair.revealed_empty')),
        ),
  );
}
