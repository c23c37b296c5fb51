// The reality check: after the time that the player chose, a dialog with the figures of the sitting. It waits until a
// running outcome has been shown, and never opens over another dialog.
import { h } from './dom.js';
import { t, num, signed, clock, timeSpent } from './i18n.js';
import { state, stay } from './store.js';
import { emit } from './events.js';

let busy = 0;
/** Opens the dialog if it is due. */
let look = () => {};
/**
 * Delays the check while an outcome is being shown; returns a function that ends the delay. Then the check comes at
 * once, before another round can begin.
 */
export function busyShowing() {
  busy += 1;
  return () => {
    busy -= 1;
    queueMicrotask(() => look()); // once the caller has told the new balance, too
  };
}

/** Asks every few seconds whether it is due. @param {() => Promise<void>} leave signs the player out */
export function startRealityCheck(leave) {
  look = () => check(leave);
  setInterval(() => look(), 5_000);
}

/** Opens the dialog if it is due. @param {() => Promise<void>} leave */
function check(leave) {
  const { sitting, realityMinutes } = state;
  if (!sitting || !realityMinutes || busy > 0 || document.querySelector('dialog[open]')) return;
  if (Date.now() - sitting.checked < realityMinutes * 60_000) return;
  sitting.checked = Date.now();
  stay();
  const dialog = h(
    'dialog',
    { class: 'reality', 'aria-labelledby': 'reality-title' },
    h('h2', { id: 'reality-title' }, t('reality.title')),
    h('p', null, t('reality.text', { time: timeSpent(Date.now() - sitting.start) })),
    h(
      'dl',
      { class: 'facts' },
      h('dt', null, t('purse.time')),
      h('dd', null, clock(Date.now() - sitting.start)),
      h('dt', null, t('purse.net')),
      h('dd', null, signed(state.net)),
      h('dt', null, t('purse.balance')),
      h('dd', null, num(state.account?.coins ?? 0)),
    ),
    h(
      'div',
      { class: 'row' },
      h('button', { class: 'button', onclick: () => dialog.close() }, t('reality.continue')),
      h(
        'button',
        {
          class: 'button',
          onclick: () => {
            dialog.close();
            void leave();
          },
        },
        t('reality.stop'),
      ),
      h(
        'a',
        {
          class: 'button',
          href: '/responsible-play',
          onclick: () => dialog.close(),
        },
        t('reality.limits'),
      ),
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  emit('reality-check');
}
