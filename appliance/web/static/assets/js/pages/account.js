// The account: sessions, password, e-mail address, tokens, a link to the limits, one's own data, the end of it.
import { h } from '../app/dom.js';
import { t, dateTime } from '../app/i18n.js';
import { state } from '../app/store.js';
import { sessions } from './account/sessions.js';
import { passwordForm, emailForm } from './account/credentials.js';
import { tokens } from './account/tokens.js';
import { ownData, deletion } from './account/leaving.js';

/** @returns {Promise<import('../app/routes.js').Page>} */
export default async function account() {
  const me = /** @type {import('../app/types.js').Account} */ (state.account);
  const email = h('dd', { id: 'email' }, me.email ?? '–');
  const devices = sessions();
  const programs = tokens();
  await Promise.all([devices.draw(), programs.draw()]);
  return {
    title: t('nav.account'),
    body: h(
      'div',
      { class: 'stack reading' },
      h('h1', null, t('nav.account')),
      h(
        'section',
        { class: 'panel' },
        h('h2', null, me.username),
        h(
          'dl',
          { class: 'facts' },
          h('dt', null, t('sign.email')),
          email,
          h('dt', null, t('account.created')),
          h('dd', null, dateTime(me.created_at)),
        ),
      ),
      devices.element,
      h(
        'div',
        { class: 'two' },
        passwordForm(me.username, async () => {
          await Promise.all([devices.draw(), programs.draw()]);
        }),
        emailForm(me.username, (now) => {
          email.textContent = now;
        }),
      ),
      programs.elements,
      h(
        'section',
        { class: 'panel' },
        h('h2', null, t('nav.responsible')),
        h('p', { class: 'quiet' }, t('account.limits_text')),
        h('a', { class: 'button', href: '/responsible-play' }, t('account.limits')),
      ),
      ownData(),
      deletion(me.username),
    ),
  };
}
