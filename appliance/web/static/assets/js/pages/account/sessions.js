// The browsers and programs that are signed in to the account.
import { h } from '../../app/dom.js';
import { t, dateTime, errorText } from '../../app/i18n.js';
import { leave, signedOut } from '../../app/store.js';
import { remove, ApiError } from '../../app/api.js';
import { endable } from '../../components/endable.js';
import { navigate } from '../../app/navigation.js';

/** @typedef {import('../../app/types.js').Session} Session */

export function sessions() {
  const heading = h('h2', null, t('account.sessions'));
  const list = endable({
    path: '/sessions',
    key: 'sessions',
    heading,
    ended: t('account.ended'),
    columns: [
      [
        t('account.device'),
        (x) =>
          h('span', null, deviceName(x.user_agent), x.current && h('span', { class: 'tag this' }, t('account.this'))),
      ],
      [t('account.since'), (x) => dateTime(x.created_at)],
      [t('account.address'), (x) => x.address || '–'],
      [t('account.until'), (x) => dateTime(x.expires_at)],
    ],
    name: (/** @type {Session} */ x) => deviceName(x.user_agent),
    stays: (x) => x.current,
  });
  const note = h('p', { class: 'note bad', role: 'alert', hidden: true });
  const all = h(
    'button',
    {
      class: 'button slim danger',
      type: 'button',
      id: 'sign-out-everywhere',
      onclick: () => {
        void everywhere();
      },
    },
    t('account.everywhere'),
  );

  /** Ends every session, this one last. If one can't be ended, it says so and shows what is left. */
  async function everywhere() {
    all.disabled = true;
    note.hidden = true;
    try {
      for (const x of await list.draw()) if (!x.current) await list.end(x.id);
      await leave(() => remove('/sessions/current'));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      note.textContent = `${errorText(error.code, error.retryAfter)} ${t('account.some_left')}`;
      note.hidden = false;
      all.disabled = false;
      await list.draw();
      return;
    }
    signedOut();
    await navigate('/');
  }

  return {
    element: h(
      'section',
      { class: 'panel', id: 'sessions' },
      h('div', { class: 'row between' }, heading, all),
      note,
      list.element,
    ),
    draw: list.draw,
  };
}

/** The browser and the system, as far as the user agent says. @param {string} agent */
function deviceName(agent) {
  const browser = [
    ['Firefox', /Firefox\//],
    ['Edge', /Edg\//],
    ['Opera', /OPR\//],
    ['Chrome', /Chrome\/|CriOS/],
    ['Safari', /Safari\//],
  ].find(([, pattern]) => /** @type {RegExp} */ (pattern).test(agent))?.[0];
  const system = [
    ['Android', /Android/],
    ['iOS', /iPhone|iPad/],
    ['Windows', /Windows/],
    ['macOS', /Mac OS/],
    ['Linux', /Linux/],
  ].find(([, pattern]) => /** @type {RegExp} */ (pattern).test(agent))?.[0];
  return [browser, system].filter(Boolean).join(' · ') || agent.slice(0, 40) || t('account.unknown_device');
}
