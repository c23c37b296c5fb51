// Signing up.
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { state, signedIn } from '../store.js';
import { navigate } from '../router.js';
import { form, textField, nextPath } from '../components/form.js';
import { post } from '../api.js';

/** @returns {import('../router.js').Page} */
export default function signUp() {
  if (state.account) queueMicrotask(() => { void navigate(nextPath()); });
  const username = textField({ name: 'username', label: t('sign.username'), autocomplete: 'username', required: true, hint: t('sign.username_hint'), codes: ['invalid_username', 'username_reserved', 'username_taken'] });
  const email = textField({ name: 'email', label: t('sign.email'), type: 'email', autocomplete: 'email', required: true, codes: ['invalid_email', 'email_taken'] });
  const password = textField({ name: 'password', label: t('sign.password'), type: 'password', autocomplete: 'new-password', required: true, hint: t('sign.password_hint'), codes: ['invalid_password', 'password_too_common', 'password_like_name'] });
  return {
    title: t('nav.sign_up'),
    body: h('div', { class: 'narrow stack' }, h('h1', null, t('sign.up_title')), h('p', { class: 'lede' }, t('sign.up_lede')),
      form({
        fields: [username, email, password], submit: t('nav.sign_up'),
        async send() {
          const answer = await post('/accounts', { username: username.value, email: email.value, password: password.value });
          await signedIn(answer.account);
          await navigate(nextPath());
        },
      }),
      h('p', { class: 'quiet small' }, t('play_money')),
      h('p', { class: 'quiet' }, t('sign.have_account'), ' ', h('a', { href: `/sign-in${location.search}` }, t('nav.sign_in')))),
  };
}
