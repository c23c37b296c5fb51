// Setting a password by the operator's link, which works once.
import { h, announce } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { state, leave, signedOut } from '../app/store.js';
import { post, remove } from '../app/api.js';
import { form, newPassword } from '../components/form.js';
import { secretOf, forgetSecret } from '../app/secret.js';
import { fillIn } from './sign-in.js';

const PATH = '/reset-password';

/** Whose password the link has set: another language must not lose it. */
let whose = '';

/** @returns {import('../app/routes.js').Page} */
export default function resetPassword() {
  const heading = h('h1', { tabindex: -1 }, t('reset.title'));
  const body = h('div', { class: 'narrow stack' });
  const draw = () => body.replaceChildren(heading, ...parts());
  draw();
  return { title: t('reset.title'), body };

  /** The form, the good end, or why there is no form. */
  function parts() {
    const link = secretOf(PATH);
    if (link) return [h('p', { class: 'lede' }, t('reset.lede')), resetForm(link, done)];
    if (whose)
      return [
        h('p', { class: 'note', id: 'done' }, t('reset.done', { name: whose })),
        h('a', { class: 'button primary wide go', href: '/sign-in' }, t('nav.sign_in')),
      ];
    return [h('p', { class: 'note', id: 'no-link' }, t('reset.no_link'))];
  }

  /** @param {string} username */
  function done(username) {
    whose = username;
    forgetSecret(PATH);
    fillIn(username);
    draw();
    heading.focus();
    announce(t('reset.done', { name: username }));
  }
}

/** @param {string} link @param {(username: string) => void} done */
function resetForm(link, done) {
  const password = newPassword('password', t('account.new_password'));
  return form({
    fields: [password],
    submit: t('reset.set'),
    async send() {
      const answer = await leave(async () => {
        const set = await post('/password-resets', {
          link,
          password: password.value,
        });
        // Whoever is signed in here leaves. If it is the same account, that has already happened.
        if (state.account) await remove('/sessions/current').catch(() => {});
        return set;
      });
      if (state.account) signedOut();
      done(answer.username);
    },
  });
}
