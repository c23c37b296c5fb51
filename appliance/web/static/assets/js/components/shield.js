// The shield: one click to the commitment of the round, and to its proof.
import { h } from '../app/dom.js';
import { t, num, errorText } from '../app/i18n.js';
import { ApiError } from '../app/api.js';
import { icon } from './icons.js';
import { guest } from '../app/guest.js';
import { fairness, state } from '../app/store.js';
import { proofPath } from './recent.js';

/** A button that opens "this round is fair". @param {() => import('../app/types.js').Round|null} lastRound */
export function shield(lastRound) {
  return h(
    'button',
    { class: 'shield', type: 'button', onclick: () => open(lastRound()) },
    icon('shield'),
    t('shield.name'),
  );
}

let opening = false;
/** @param {import('../app/types.js').Round|null} round */
async function open(round) {
  if (opening || document.querySelector('dialog[open]')) return; // a second click must not open a second dialog
  opening = true;
  /** @type {string|null} */
  let wrong = null;
  const now = state.account
    ? await fairness(true).catch((error) => {
        wrong = error instanceof ApiError ? errorText(error.code, error.retryAfter) : errorText('internal_error');
        return state.fairness; // as it was known last
      })
    : guest.seeds;
  opening = false;
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'shield-title' },
    h('h2', { id: 'shield-title' }, t('shield.title')),
    h(
      'button',
      {
        class: 'button icon slim close',
        'aria-label': t('action.close'),
        onclick: () => dialog.close(),
      },
      icon('close'),
    ),
    h('p', null, t(state.account ? 'shield.text' : 'demo.shield')),
    wrong && h('p', { class: 'note bad' }, wrong),
    now && [
      h('h3', null, t('shield.next_round')),
      h(
        'dl',
        { class: 'facts' },
        h('dt', null, t('fair.commitment')),
        h('dd', { class: 'mono', id: 'shield-commitment' }, now.commitment),
        'server_seed' in now && [
          h('dt', null, t('fair.server_seed')),
          h(
            'dd',
            null,
            h(
              'details',
              null,
              h('summary', null, t('demo.see_seed')),
              h('span', { class: 'mono', id: 'shield-seed' }, now.server_seed),
            ),
          ),
        ],
        h('dt', null, t('fair.client_seed')),
        h('dd', { class: 'mono' }, now.client_seed),
        h('dt', null, t('fair.nonce')),
        h('dd', { class: 'mono' }, num(now.nonce)),
      ),
    ],
    round && [
      h('h3', null, t('shield.last_round')),
      h(
        'dl',
        { class: 'facts' },
        h('dt', null, t('history.round')),
        h('dd', { class: 'mono' }, round.id),
        h('dt', null, t('fair.commitment')),
        h('dd', { class: 'mono' }, round.commitment),
        h('dt', null, t('fair.client_seed')),
        h('dd', { class: 'mono' }, round.client_seed),
        h('dt', null, t('fair.nonce')),
        h('dd', { class: 'mono' }, num(round.nonce)),
      ),
    ],
    h(
      'div',
      { class: 'row' },
      h(
        'a',
        {
          class: 'button',
          href: round ? proofPath(round) : '/fairness',
          onclick: () => dialog.close(),
        },
        t(round ? 'shield.verify' : 'shield.more'),
      ),
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}
