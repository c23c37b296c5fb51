// One's own data, and the end of the account.
import { h } from '../../app/dom.js';
import { t } from '../../app/i18n.js';
import { icon } from '../../components/icons.js';
import { leave, signedOut } from '../../app/store.js';
import { post } from '../../app/api.js';
import { form } from '../../components/form.js';
import { navigate } from '../../app/navigation.js';
import { showBanner } from '../../app/frame.js';
import { currentPassword, whose } from './credentials.js';

/** A link, so that the browser saves the file while it arrives: it may be long. */
export function ownData() {
  return h(
    'section',
    { class: 'panel' },
    h('h2', null, t('account.data')),
    h('p', { class: 'quiet' }, t('account.data_text')),
    h(
      'a',
      {
        class: 'button',
        id: 'export',
        href: '/api/v1/me/export',
        download: true,
      },
      icon('download'),
      t('account.download'),
    ),
  );
}

/** @param {string} username */
export function deletion(username) {
  const current = currentPassword();
  const box = form({
    fields: [current],
    submit: t('account.delete_for_ever'),
    extra: [whose(username)],
    sure: t('responsible.sure'),
    async send() {
      await leave(() => post('/me/deletion', { password: current.value }));
      signedOut();
      await navigate('/');
      showBanner(t('account.deleted', { name: username }), {
        good: true,
        close: true,
      });
    },
  });
  box.id = 'deletion';
  box.prepend(
    h('h2', null, t('account.delete')),
    h(
      'ul',
      null,
      ['goes', 'stays', 'coins'].map((part) => h('li', null, t(`account.delete_${part}`))),
    ),
  );
  return box;
}
