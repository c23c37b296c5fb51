// Setting a password by the operator's link, which works once.
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { state, leave, signedOut } from '../store.js';
import { post, remove } from '../api.js';
import { form, newPassword } from '../components/form.js';
import { secretOf, forgetSecret } from '../secret.js';
import { fillIn } from './sign-in.js';

/** @returns {import('../router.js').Page} */
export default function resetPassword() {
  const link = secretOf('/reset-password');
  const body = h('div', { class: 'narrow stack' }, h('h1', null, t('reset.title')));
  body.append(...link ? [h('p', { class: 'lede' }, t('reset.lede')), resetForm(link, done)] : [h('p', { class: 'note', id: 'no-link' }, t('reset.no_link'))]);

  /** @param {string} username */
  function done(username) {
    fillIn(username);
    const words = h('p', { class: 'note', id: 'done', tabindex: -1 }, t('reset.done', { name: username }));
    body.replaceChildren(h('h1', null, t('reset.title')), words, h('a', { class: 'button primary wide go', href: '/sign-in' }, t('nav.sign_in')));
    words.focus();
  }

  return { title: t('reset.title'), body };
}

/** @param {string} link @param {(username: string) => void} done */
function resetForm(link, done) {
  const password = newPassword('password', t('account.new_password'));
  return form({
    fields: [password], submit: t('reset.set'),
    async send() {
      const answer = await leave(async () => {
        const set = await post('/password-resets', { link, password: password.value });
        // Whoever is signed in here leaves. If it is the same account, that has already happened.
        if (state.account) await remove('/sessions/current').catch(() => {});
        return set;
      });
      forgetSecret('/reset-password');
      if (state.account) signedOut();
      done(answer.username);
    },
  });
}
