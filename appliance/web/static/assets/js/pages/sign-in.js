// Signing in.
import { h } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { state, signedIn, canSignUp, wasHere } from '../app/store.js';
import { navigate } from '../app/navigation.js';
import { form, textField, nextPath } from '../components/form.js';
import { post } from '../app/api.js';
import { resume } from '../app/bets.js';

let name = '';
/** Fills in the name when the page is shown next. @param {string} username */
export function fillIn(username) {
  name = username;
}

/** @returns {import('../app/routes.js').Page} */
export default function signIn() {
  if (state.account)
    queueMicrotask(() => {
      void navigate(nextPath());
    });
  const login = textField({
    name: 'login',
    label: t('sign.login'),
    autocomplete: 'username',
    required: true,
    value: name,
  });
  const password = textField({
    name: 'password',
    label: t('sign.password'),
    type: 'password',
    autocomplete: 'current-password',
    required: true,
  });
  return {
    title: t('nav.sign_in'),
    body: h(
      'div',
      { class: 'narrow stack' },
      h('h1', null, t(wasHere() ? 'sign.in_title' : 'nav.sign_in')),
      form({
        fields: [login, password],
        submit: t('nav.sign_in'),
        async send() {
          const answer = await post('/sessions', {
            login: login.value,
            password: password.value,
          });
          name = '';
          await signedIn(answer.account);
          await navigate(nextPath());
          await resume();
        },
      }),
      canSignUp() &&
        h(
          'p',
          { class: 'quiet' },
          t('sign.no_account'),
          ' ',
          h('a', { href: `/sign-up${location.search}` }, t('nav.sign_up')),
        ),
      h(
        'details',
        { class: 'quiet', id: 'forgotten' },
        h('summary', null, t('sign.forgotten')),
        h('p', null, t('sign.forgotten_who')),
        h('p', null, t('sign.forgotten_how'), ' ', h('code', null, 'imperio account password NAME --link')),
      ),
    ),
  };
}
