// Signing up, where the house opens accounts: for anybody, or for those who have an invitation.
import { h } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { state, signedIn, house } from '../app/store.js';
import { navigate } from '../app/navigation.js';
import { form, textField, newPassword, isAddress, nextPath } from '../components/form.js';
import { post } from '../app/api.js';
import { secretOf, forgetSecret } from '../app/secret.js';

/** @returns {Promise<import('../app/routes.js').Page>} */
export default async function signUp() {
  if (state.account)
    queueMicrotask(() => {
      void navigate(nextPath());
    });
  const { sign_up: way } = await house();
  return {
    title: t('nav.sign_up'),
    body: h(
      'div',
      { class: 'narrow stack' },
      h('h1', null, t(way === 'closed' ? 'nav.sign_up' : 'sign.up_title')),
      way === 'closed'
        ? h('p', { class: 'note', id: 'closed' }, t('error.sign_up_closed'))
        : [
            h('p', { class: 'lede' }, t('sign.up_lede')),
            way === 'invite' &&
              h('p', { class: 'note' }, t(secretOf('/sign-up') ? 'sign.invited' : 'error.invitation_required')),
            signUpForm(way === 'invite'),
          ],
      h('p', { class: 'quiet small' }, t('play_money')),
      h(
        'p',
        { class: 'quiet' },
        t('sign.have_account'),
        ' ',
        h('a', { href: `/sign-in${location.search}` }, t('nav.sign_in')),
      ),
    ),
  };
}

/** Whether a name can't be wrong for its length or its characters. The casino checks more. @param {string} name */
export function isName(name) {
  const length = [...name.normalize('NFC')].length;
  return length >= 3 && length <= 32 && /^[\p{L}\p{Nd}][\p{L}\p{Nd}\p{M}._-]*$/u.test(name);
}

/** @param {boolean} invited */
function signUpForm(invited) {
  const invitation = textField({
    name: 'invitation',
    label: t('sign.invitation'),
    required: true,
    value: secretOf('/sign-up'),
    codes: ['invitation_required', 'invitation_invalid'],
  });
  const username = textField({
    name: 'username',
    label: t('sign.username'),
    autocomplete: 'username',
    required: true,
    hint: t('sign.username_hint'),
    codes: ['invalid_username', 'username_reserved', 'username_taken'],
    check: (value) => (isName(value) ? null : t('error.invalid_username')),
  });
  const email = textField({
    name: 'email',
    label: t('sign.email'),
    type: 'email',
    autocomplete: 'email',
    required: true,
    codes: ['invalid_email', 'email_taken'],
    check: (value) => (isAddress(value) ? null : t('error.invalid_email')),
  });
  const password = newPassword('password', t('sign.password'));
  return form({
    fields: invited ? [invitation, username, email, password] : [username, email, password],
    submit: t('nav.sign_up'),
    async send() {
      const code = invitation.value.trim().replace(/^.*#/, ''); // people also paste the whole link
      const answer = await post('/accounts', {
        username: username.value,
        email: email.value,
        password: password.value,
        invitation: invited ? code : undefined,
      });
      forgetSecret('/sign-up');
      await signedIn(answer.account);
      await navigate(nextPath());
    },
  });
}
