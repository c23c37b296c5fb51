// Responsible play: limits, the reality check, exclusion. The casino states their rules.
import { h, announce, uid } from '../app/dom.js';
import { t, num, coins, minutes, dateTime, inWords, wholeNumber } from '../app/i18n.js';
import { state, leave, noteLimits, signedOut, rulesOf } from '../app/store.js';
import { get, put, post } from '../app/api.js';
import { form, textField } from '../components/form.js';
import { device } from '../app/kept.js';
import { navigate, again } from '../app/navigation.js';
import { showBanner } from '../app/frame.js';

/** @typedef {import('../app/types.js').Limits} Limits */
/** @typedef {keyof import('../app/types.js').LimitSet} LimitName */

/** The rule that stands beside the exclusion, not among the limits. */
const EXCLUSION = 'limits/exclusion';

/** @type {LimitName[]} */
const COINS = ['stake_per_day', 'loss_per_day', 'loss_per_week', 'loss_per_month'];
/** @type {LimitName[]} */
const MINUTES = ['session_minutes', 'reality_check_minutes'];
/**
 * What counts against a limit, and for how long.
 * @type {Record<string, [keyof Limits['used'], keyof Limits['resets_at']]>}
 */
const USED = {
  stake_per_day: ['staked_today', 'day'],
  loss_per_day: ['lost_today', 'day'],
  loss_per_week: ['lost_this_week', 'week'],
  loss_per_month: ['lost_this_month', 'month'],
};

/** @returns {Promise<import('../app/routes.js').Page>} */
export default async function responsible() {
  /** @type {Limits|null} */
  const limits = state.account ? await get('/me/limits') : null;
  const rules = await rulesOf('limits');
  const about = rules.filter((rule) => rule.id !== EXCLUSION);
  return {
    title: t('nav.responsible'),
    body: h(
      'div',
      { class: 'reading stack' },
      h('h1', null, t('nav.responsible')),
      h('p', { class: 'lede' }, t('responsible.lede')),
      limits ? [pending(limits), limitsForm(limits)] : h('p', { class: 'note' }, t('responsible.sign_in')),
      h(
        'section',
        { class: 'panel', id: 'limit-rules' },
        h('h2', null, t('responsible.rules')),
        h(
          'ul',
          null,
          about.map((rule) => h('li', null, inWords(rule))),
        ),
        limits &&
          h(
            'p',
            { class: 'quiet', id: 'own-clock' },
            t('responsible.own_clock', {
              day: dateTime(limits.resets_at.day),
              week: dateTime(limits.resets_at.week),
              month: dateTime(limits.resets_at.month),
            }),
          ),
      ),
      h(
        'section',
        { class: 'panel' },
        h('h2', null, t('responsible.signs')),
        h('p', null, t('responsible.signs_text')),
        h(
          'ul',
          null,
          [1, 2, 3, 4, 5].map((i) => h('li', null, t(`responsible.sign${i}`))),
        ),
        h('p', { class: 'quiet' }, t('responsible.help')),
      ),
      limits &&
        exclusion(
          rules
            .filter((rule) => rule.id === EXCLUSION)
            .map(inWords)
            .join(' '),
        ),
    ),
  };
}

/** @param {LimitName} name @param {number|null} value */
function limitText(name, value) {
  return value === null ? t('responsible.none') : MINUTES.includes(name) ? minutes(value) : coins(value);
}

/** Which limits will become looser, and when. @param {Limits} limits */
function pending(limits) {
  if (!limits.pending.length) return null;
  return h(
    'section',
    { class: 'note', id: 'pending' },
    h('p', null, t('responsible.pending')),
    h(
      'ul',
      null,
      limits.pending.map(({ limit, value, from }) =>
        h(
          'li',
          null,
          `${t(`limit.${limit}`)}: ${t('responsible.from', { limit: limitText(limit, value), time: dateTime(from) })}`,
        ),
      ),
    ),
  );
}

/** What counts against a limit now. @param {LimitName} name @param {Limits} limits */
function counted(name, limits) {
  if (USED[name])
    return t('responsible.used', {
      coins: coins(limits.used[USED[name][0]]),
      time: dateTime(limits.resets_at[USED[name][1]]),
    });
  if (name === 'session_minutes' && limits.stretch)
    return t('responsible.stretch', {
      since: dateTime(limits.stretch.since),
      time: dateTime(limits.stretch.ends_at),
    });
  return '';
}

/** Says what a change would do. @param {LimitName} name @param {number|null} value @param {Limits} limits */
function announced(name, value, limits) {
  const now = limits.in_force[name];
  /** @param {number|null} limit */
  const looserThan = (limit) => limit !== null && (value === null || value > limit);
  const limit = limitText(name, value);
  if (name === 'reality_check_minutes' || !looserThan(now)) return t('responsible.at_once', { limit });
  const waiting = limits.pending.find((p) => p.limit === name);
  return waiting && !looserThan(waiting.value)
    ? t('responsible.from', { limit, time: dateTime(waiting.from) })
    : t('responsible.later', { limit });
}

/**
 * The limit in a field: null means no limit; undefined means that the text is invalid.
 * @param {import('../components/form.js').Field} field
 */
function typed(field) {
  if (field.value.trim() === '') return null;
  return wholeNumber(field.value) || undefined;
}

/** @param {Limits} limits */
function limitsForm(limits) {
  // A pending change stays in the form, unless the player changes it now.
  const asked = {
    ...limits.in_force,
    ...Object.fromEntries(limits.pending.map((p) => [p.limit, p.value])),
  };
  const fields = [...COINS, ...MINUTES].map((name) => {
    const now = limits.in_force[name];
    const stands = `${t('responsible.now', { limit: limitText(name, now) })} ${counted(name, limits)}`.trim();
    const field = textField({
      name,
      label: t(`limit.${name}`),
      inputmode: 'numeric',
      value: asked[name] === null ? '' : num(asked[name]),
      hint: stands,
      check: (text) =>
        text.trim() === '' || wholeNumber(text) ? null : t('responsible.whole', { example: num(10_000) }),
    });
    field.input.addEventListener('input', () => {
      const value = typed(field);
      field.hint(value === undefined || value === now ? stands : `${stands} ${announced(name, value, limits)}`);
    });
    field.input.addEventListener('change', () => {
      const value = typed(field);
      if (value) field.input.value = num(value);
    });
    return field;
  });
  const box = form({
    fields: [],
    elsewhere: fields,
    submit: t('responsible.save'),
    quiet: true,
    extra: [
      h(
        'div',
        { class: 'limit-grid' },
        fields.map((f) => f.element),
      ),
    ],
    async send() {
      /** @type {Record<string, number|null>} */
      const body = {};
      for (const [i, name] of [...COINS, ...MINUTES].entries()) body[name] = typed(fields[i]) ?? null;
      /** @type {Limits} */
      const now = await put('/me/limits', body);
      noteLimits(now);
      await again();
      /** @type {HTMLElement|null} */ (document.querySelector('#limits button[type=submit]'))?.focus({
        preventScroll: true,
      });
      announce(t('responsible.saved'));
      showBanner(t('responsible.saved'), { good: true, close: true });
    },
  });
  box.id = 'limits';
  box.prepend(h('h2', null, t('responsible.limits')), h('p', { class: 'quiet' }, t('responsible.limits_text')));
  return box;
}

/** @param {string} rule */
function exclusion(rule) {
  const lengths = [1, 7, 30, 90, 180, 365, 1825];
  const id = uid('days');
  const select = h(
    'select',
    { id },
    lengths.map((d) =>
      h('option', { value: d }, d === 1 ? t('responsible.day') : t('responsible.days', { n: num(d) })),
    ),
    h('option', { value: 'for_ever' }, t('responsible.for_ever')),
  );
  const sure = h('input', {
    type: 'checkbox',
    id: `${id}-sure`,
    onchange: () => {
      button.disabled = !sure.checked;
    },
  });
  const button = h(
    'button',
    {
      class: 'button danger',
      type: 'button',
      id: 'exclude',
      disabled: true,
      onclick: async () => {
        button.disabled = true;
        sure.checked = false; // if the request fails, the player must confirm again
        const key = crypto.getRandomValues(new Uint32Array(4)).join('-');
        const answer = await leave(() =>
          post(
            '/me/exclusions',
            {
              days: select.value === 'for_ever' ? 'for_ever' : Number(select.value),
            },
            key,
          ),
        );
        device.set('rested', 1);
        signedOut();
        await navigate('/');
        showBanner(
          String(answer.excluded_until).startsWith('9999')
            ? t('responsible.excluded_for_ever')
            : t('responsible.excluded', {
                time: dateTime(answer.excluded_until),
              }),
          { close: true },
        );
      },
    },
    t('responsible.exclude'),
  );
  return h(
    'section',
    { class: 'panel', id: 'exclusion' },
    h('h2', null, t('responsible.exclusion')),
    h('p', { class: 'quiet' }, rule),
    h(
      'div',
      { class: 'stack' },
      h('div', { class: 'field' }, h('label', { for: id }, t('responsible.how_long')), select),
      h('label', { class: 'check', for: `${id}-sure` }, sure, h('span', null, t('responsible.sure'))),
      h('div', null, button),
    ),
  );
}
