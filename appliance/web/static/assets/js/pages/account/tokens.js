// Personal access tokens: what programs use in place of the password. The casino shows each one once.
import { h, uid, announce } from '../../app/dom.js';
import { t, num, dateTime, wholeNumber } from '../../app/i18n.js';
import { post } from '../../app/api.js';
import { endable } from '../../components/endable.js';
import { form, textField } from '../../components/form.js';

/** @typedef {import('../../app/types.js').Token} Token */

const SCOPES = /** @type {const} */ (['read', 'play']);
const LONGEST_NAME = 64;
const MOST_DAYS = 366;
const USUAL_DAYS = 90;

export function tokens() {
  const heading = h('h2', null, t('account.tokens'));
  const list = endable({
    path: '/me/tokens',
    key: 'tokens',
    heading,
    ended: t('account.token_ended'),
    empty: t('account.no_tokens'),
    columns: [
      [t('account.token_name'), (x) => h('span', null, x.name)],
      [t('account.permissions'), (x) => x.scopes.map((s) => t(`scope.${s}`)).join(', ')],
      [t('account.since'), (x) => dateTime(x.created_at)],
      [t('account.until'), (x) => dateTime(x.expires_at)],
    ],
    name: (/** @type {Token} */ x) => x.name,
  });
  return {
    elements: [
      h(
        'section',
        { class: 'panel', id: 'tokens' },
        heading,
        h('p', { class: 'quiet' }, t('account.tokens_text'), ' ', h('a', { href: '/api' }, t('account.api'))),
        list.element,
      ),
      tokenForm(list.draw),
    ],
    draw: list.draw,
  };
}

/** @param {() => Promise<Token[]>} redraw */
function tokenForm(redraw) {
  const name = textField({
    name: 'token-name',
    label: t('account.token_name'),
    required: true,
    hint: t('account.token_name_hint'),
    maxlength: LONGEST_NAME,
  });
  const days = textField({
    name: 'days',
    label: t('account.days'),
    required: true,
    inputmode: 'numeric',
    value: num(USUAL_DAYS),
    hint: t('account.days_hint', { most: num(MOST_DAYS) }),
    check: (value) => {
      const until = wholeNumber(value);
      return until && until <= MOST_DAYS ? null : t('account.days_wrong', { most: num(MOST_DAYS) });
    },
  });
  const boxes = SCOPES.map((scope) => h('input', { type: 'checkbox', name: scope, checked: scope === 'read' }));
  const chosen = () => SCOPES.filter((_, i) => boxes[i].checked);
  for (const box of boxes)
    box.addEventListener('change', () => {
      if (chosen().length) wrong.hidden = true;
    });
  const wrong = h('span', { class: 'wrong', id: uid('scopes-wrong'), hidden: true }, t('account.needs_permission'));
  const permissions = h(
    'fieldset',
    { class: 'field', 'aria-describedby': wrong.id },
    h('legend', null, t('account.permissions')),
    h(
      'div',
      null,
      SCOPES.map((scope, i) => h('label', { class: 'check' }, boxes[i], h('span', null, t(`account.may_${scope}`)))),
    ),
    wrong,
  );
  const once = h('div', { class: 'note stack', id: 'new-token', hidden: true });
  const box = form({
    fields: [name, days],
    submit: t('account.make_token'),
    quiet: true,
    extra: [permissions],
    also() {
      wrong.hidden = chosen().length > 0;
      return wrong.hidden ? null : boxes[0];
    },
    async send() {
      const made = await post('/me/tokens', {
        name: name.value,
        scopes: chosen(),
        days: wholeNumber(days.value),
      });
      name.input.value = '';
      show(once, made);
      await redraw();
    },
  });
  box.id = 'make-token';
  box.prepend(h('h2', null, t('account.new_token')));
  box.append(once);
  return box;
}

/**
 * Shows a token that was just made. It is shown only now.
 * @param {HTMLElement} place
 * @param {Token & {token: string}} made
 */
function show(place, made) {
  const id = uid('token');
  const value = h('input', {
    id,
    class: 'mono',
    type: 'text',
    readonly: true,
    value: made.token,
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const said = h('p', { class: 'quiet', role: 'status' });
  const copy = h(
    'button',
    {
      class: 'button',
      type: 'button',
      onclick: async () => {
        // Without HTTPS, browsers let no page write to the clipboard.
        try {
          await navigator.clipboard.writeText(made.token);
          said.textContent = t('account.copied');
        } catch {
          value.select();
          said.textContent = t('account.selected');
        }
      },
    },
    t('account.copy'),
  );
  place.replaceChildren(
    h('p', null, t('account.token_once')),
    h('div', { class: 'field' }, h('label', { for: id }, made.name), h('div', { class: 'copied' }, value, copy)),
    said,
  );
  place.hidden = false;
  announce(t('account.token_once'));
  copy.focus();
}
