// Responsible play: limits (stricter at once, looser after a day), the reality check, exclusion.
import { h, announce, uid } from '../dom.js';
import { t, num, coins, minutes, dateTime, wholeNumber } from '../i18n.js';
import { state, leave, signedOut } from '../store.js';
import { get, put, post } from '../api.js';
import { form, textField } from '../components/form.js';
import { navigate, rerender } from '../router.js';
import { showBanner } from '../frame.js';

/** @typedef {import('../types.js').Limits} Limits */
/** @typedef {keyof import('../types.js').LimitSet} LimitName */

/** @type {LimitName[]} */
const COINS = ['stake_per_day', 'loss_per_day', 'loss_per_week', 'loss_per_month'];
/** @type {LimitName[]} */
const MINUTES = ['session_minutes', 'reality_check_minutes'];
/** @type {Record<string, keyof Limits['used']>} */
const USED = { stake_per_day: 'staked_today', loss_per_day: 'lost_today', loss_per_week: 'lost_this_week', loss_per_month: 'lost_this_month' };

/** @returns {Promise<import('../router.js').Page>} */
export default async function responsible() {
  /** @type {Limits|null} */
  const limits = state.account ? await get('/me/limits') : null;
  return {
    title: t('nav.responsible'),
    body: h('div', { class: 'reading stack' }, h('h1', null, t('nav.responsible')), h('p', { class: 'lede' }, t('responsible.lede')),
      limits ? [pending(limits), limitsForm(limits)] : h('p', { class: 'note' }, t('responsible.sign_in')),
      h('section', { class: 'panel' }, h('h2', null, t('responsible.signs')), h('p', null, t('responsible.signs_text')), h('ul', null, [1, 2, 3, 4, 5].map((i) => h('li', null, t(`responsible.sign${i}`)))), h('p', { class: 'quiet' }, t('responsible.help'))),
      limits && exclusion()),
  };
}

/** @param {LimitName} name @param {number|null} value */
function limitText(name, value) { return value === null ? t('responsible.none') : MINUTES.includes(name) ? minutes(value) : coins(value); }

/** Which limits will become looser, and when. @param {Limits} limits */
function pending(limits) {
  const { pending: next, pending_from: from } = limits;
  if (!next || !from) return null;
  const changes = [...COINS, ...MINUTES].filter((name) => next[name] !== limits.in_force[name]);
  return h('section', { class: 'note', id: 'pending' }, h('p', null, t('responsible.pending', { time: dateTime(from) })), h('ul', null, changes.map((name) => h('li', null, `${t(`limit.${name}`)}: ${limitText(name, next[name])}`))));
}

/** The limit in a field: null means no limit; undefined means that the text is invalid. @param {import('../components/form.js').Field} field */
function typed(field) {
  if (field.value.trim() === '') return null;
  return wholeNumber(field.value) || undefined;
}

/** @param {Limits} limits */
function limitsForm(limits) {
  // A pending change stays in the form, unless the player changes it now.
  const asked = limits.pending ?? limits.in_force;
  const fields = [...COINS, ...MINUTES].map((name) => {
    const now = limits.in_force[name];
    const used = USED[name] ? t('responsible.used', { coins: coins(limits.used[USED[name]]) }) : '';
    const stands = `${t('responsible.now', { limit: limitText(name, now) })} ${used}`.trim();
    const field = textField({ name, label: t(`limit.${name}`), inputmode: 'numeric', value: asked[name] === null ? '' : num(asked[name]), hint: stands });
    field.input.addEventListener('input', () => {
      const value = typed(field);
      const looser = name !== 'reality_check_minutes' && now !== null && (value === null || (value !== undefined && value > now));
      field.hint(value === undefined || value === now ? stands : `${stands} ${t(looser ? 'responsible.tomorrow' : 'responsible.at_once', { limit: limitText(name, value) })}`);
    });
    field.input.addEventListener('change', () => { const value = typed(field); if (value) field.input.value = num(value); });
    return field;
  });
  const box = form({
    fields: [], submit: t('responsible.save'), quiet: true,
    extra: [h('div', { class: 'limit-grid' }, fields.map((f) => f.element))],
    async send() {
      /** @type {Record<string, number|null>} */
      const body = {};
      for (const [i, name] of [...COINS, ...MINUTES].entries()) {
        const value = typed(fields[i]);
        fields[i].wrong(null);
        if (value === undefined) { fields[i].wrong(t('responsible.whole', { example: num(10_000) })); fields[i].input.focus(); return; }
        body[name] = value;
      }
      /** @type {Limits} */
      const now = await put('/me/limits', body);
      state.realityMinutes = now.in_force.reality_check_minutes;
      await rerender();
      announce(t('responsible.saved'));
      showBanner(t('responsible.saved'), { good: true, close: true });
    },
  });
  box.id = 'limits';
  box.prepend(h('h2', null, t('responsible.limits')), h('p', { class: 'quiet' }, t('responsible.limits_text')));
  return box;
}

function exclusion() {
  const lengths = [1, 7, 30, 90, 180, 365, 1825];
  const id = uid('days');
  const select = h('select', { id }, lengths.map((d) => h('option', { value: d }, d === 1 ? t('responsible.day') : t('responsible.days', { n: num(d) }))), h('option', { value: 'for_ever' }, t('responsible.for_ever')));
  const sure = h('input', { type: 'checkbox', id: `${id}-sure`, onchange: () => { button.disabled = !sure.checked; } });
  const button = h('button', { class: 'button danger', type: 'button', id: 'exclude', disabled: true, onclick: async () => {
    button.disabled = true;
    sure.checked = false; // if the request fails, the player must confirm again
    const key = crypto.getRandomValues(new Uint32Array(4)).join('-');
    const answer = await leave(() => post('/me/exclusions', { days: select.value === 'for_ever' ? 'for_ever' : Number(select.value) }, key));
    signedOut();
    await navigate('/');
    showBanner(String(answer.excluded_until).startsWith('9999') ? t('responsible.excluded_for_ever') : t('responsible.excluded', { time: dateTime(answer.excluded_until) }), { close: true });
  } }, t('responsible.exclude'));
  return h('section', { class: 'panel', id: 'exclusion' }, h('h2', null, t('responsible.exclusion')), h('p', { class: 'quiet' }, t('responsible.exclusion_text')),
    h('div', { class: 'stack' }, h('div', { class: 'field' }, h('label', { for: id }, t('responsible.how_long')), select), h('label', { class: 'check', for: `${id}-sure` }, sure, h('span', null, t('responsible.sure'))), h('div', null, button)));
}
