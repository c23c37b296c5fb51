// The account: password, sessions, a link to the limits.
import { h, announce } from '../dom.js';
import { t, dateTime, errorText } from '../i18n.js';
import { state, leave, signedOut } from '../store.js';
import { get, put, remove, ApiError } from '../api.js';
import { form, textField } from '../components/form.js';
import { navigate } from '../router.js';

/** @returns {Promise<import('../router.js').Page>} */
export default async function account() {
  const me = /** @type {import('../types.js').Account} */ (state.account);
  const list = h('tbody');
  const draw = async () => {
    /** @type {import('../types.js').Session[]} */
    const sessions = (await get('/sessions')).sessions;
    list.replaceChildren(...sessions.map((x) => h('tr', { 'data-session': x.id },
      h('td', { 'data-label': t('account.device'), class: 'full' }, h('span', null, deviceName(x.user_agent), x.current && h('span', { class: 'tag this' }, t('account.this')))),
      h('td', { 'data-label': t('account.since'), class: 'full' }, dateTime(x.created_at)), h('td', { 'data-label': t('account.address'), class: 'full' }, x.address || '–'), h('td', { 'data-label': t('account.until'), class: 'full' }, dateTime(x.expires_at)),
      h('td', { 'data-label': '', class: 'full num' }, !x.current && h('button', { class: 'button slim', type: 'button', onclick: async () => { await end(x.id); announce(t('account.ended')); await draw(); } }, t('account.end'))))));
    return sessions;
  };
  await draw();

  // Password managers want to know whose password this is.
  const whose = h('input', { type: 'text', autocomplete: 'username', value: me.username, hidden: true, readonly: true, 'aria-hidden': 'true', tabindex: -1 });
  const current = textField({ name: 'current', label: t('account.current_password'), type: 'password', autocomplete: 'current-password', required: true, codes: ['wrong_password'] });
  const fresh = textField({ name: 'new', label: t('account.new_password'), type: 'password', autocomplete: 'new-password', required: true, hint: t('sign.password_hint'), codes: ['invalid_password', 'password_too_common', 'password_like_name'] });
  const password = form({
    fields: [current, fresh], submit: t('account.change_password'), quiet: true, extra: [whose], done: t('account.password_changed'),
    async send() {
      await put('/me/password', { current: current.value, new: fresh.value });
      current.input.value = '';
      fresh.input.value = '';
      await draw();
    },
  });
  password.prepend(h('h2', null, t('account.password')), h('p', { class: 'quiet' }, t('account.password_text')));

  const note = h('p', { class: 'note bad', role: 'alert', hidden: true });
  const all = h('button', { class: 'button slim danger', type: 'button', id: 'sign-out-everywhere', onclick: () => { void everywhere(); } }, t('account.everywhere'));
  /** Ends every session, this one last. If one can't be ended, it says so and shows what is left. */
  async function everywhere() {
    all.disabled = true;
    note.hidden = true;
    try {
      for (const x of (await get('/sessions')).sessions) if (!x.current) await end(x.id);
      await leave(() => remove('/sessions/current'));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      note.textContent = `${errorText(error.code, error.retryAfter)} ${t('account.some_left')}`;
      note.hidden = false;
      all.disabled = false;
      await draw();
      return;
    }
    signedOut();
    await navigate('/');
  }

  return {
    title: t('nav.account'),
    body: h('div', { class: 'stack reading' }, h('h1', null, t('nav.account')),
      h('section', { class: 'panel' }, h('h2', null, me.username), h('dl', { class: 'facts' }, h('dt', null, t('sign.email')), h('dd', null, me.email ?? '–'), h('dt', null, t('account.created')), h('dd', null, dateTime(me.created_at)))),
      h('section', { class: 'panel' }, h('div', { class: 'row between' }, h('h2', null, t('account.sessions')), all), note,
        h('table', { class: 'table cards' }, h('thead', null, h('tr', null, ['device', 'since', 'address', 'until'].map((k) => h('th', { scope: 'col' }, t(`account.${k}`))), h('th', { scope: 'col' }, h('span', { class: 'sr' }, t('account.end'))))), list)),
      password,
      h('section', { class: 'panel' }, h('h2', null, t('nav.responsible')), h('p', { class: 'quiet' }, t('account.limits_text')), h('a', { class: 'button', href: '/responsible-play' }, t('account.limits')))),
  };
}

/** Ends a session. It is fine if it has already ended. @param {string} id */
async function end(id) {
  try { await remove(`/sessions/${id}`); } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
}

/** The browser and the system, as far as the user agent says. @param {string} agent */
function deviceName(agent) {
  const browser = [['Firefox', /Firefox\//], ['Edge', /Edg\//], ['Opera', /OPR\//], ['Chrome', /Chrome\/|CriOS/], ['Safari', /Safari\//]].find(([, pattern]) => /** @type {RegExp} */ (pattern).test(agent))?.[0];
  const system = [['Android', /Android/], ['iOS', /iPhone|iPad/], ['Windows', /Windows/], ['macOS', /Mac OS/], ['Linux', /Linux/]].find(([, pattern]) => /** @type {RegExp} */ (pattern).test(agent))?.[0];
  return [browser, system].filter(Boolean).join(' · ') || agent.slice(0, 40) || t('account.unknown_device');
}
