// What the player signs in with: password and e-mail address. Both change only with the current password.
import { h } from '../../app/dom.js';
import { t } from '../../app/i18n.js';
import { state } from '../../app/store.js';
import { get, put } from '../../app/api.js';
import { form, textField, newPassword, isAddress } from '../../components/form.js';

/** The field for the current password. @param {string} [label] */
export function currentPassword(label = t('account.current_password')) {
  return textField({
    name: 'current',
    label,
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    codes: ['wrong_password'],
  });
}

/** Tells password managers whose password a form is about. @param {string} username */
export function whose(username) {
  return h('input', {
    type: 'text',
    autocomplete: 'username',
    value: username,
    hidden: true,
    readonly: true,
    'aria-hidden': 'true',
    tabindex: -1,
  });
}

/** @param {string} username @param {() => Promise<void>} changed */
export function passwordForm(username, changed) {
  const current = currentPassword();
  const fresh = newPassword('new', t('account.new_password'));
  const box = form({
    fields: [current, fresh],
    submit: t('account.change_password'),
    quiet: true,
    extra: [whose(username)],
    done: t('account.password_changed'),
    async send() {
      await put('/me/password', { current: current.value, new: fresh.value });
      current.input.value = '';
      fresh.input.value = '';
      await changed();
    },
  });
  box.id = 'change-password';
  box.prepend(h('h2', null, t('account.password')), h('p', { class: 'quiet' }, t('account.password_text')));
  return box;
}

/** @param {string} username @param {(email: string) => void} changed */
export function emailForm(username, changed) {
  const current = currentPassword();
  const email = textField({
    name: 'email',
    label: t('account.new_email'),
    type: 'email',
    autocomplete: 'email',
    required: true,
    codes: ['invalid_email', 'email_taken'],
    check: (value) => (isAddress(value) ? null : t('error.invalid_email')),
  });
  const box = form({
    fields: [current, email],
    submit: t('account.change_email'),
    quiet: true,
    extra: [whose(username)],
    done: t('account.email_changed'),
    async send() {
      await put('/me/email', { email: email.value, password: current.value });
      current.input.value = '';
      email.input.value = '';
      const me = await get('/me');
      if (state.account) state.account.email = me.email;
      changed(me.email);
    },
  });
  box.id = 'change-email';
  box.prepend(h('h2', null, t('sign.email')), h('p', { class: 'quiet' }, t('account.email_text')));
  return box;
}
