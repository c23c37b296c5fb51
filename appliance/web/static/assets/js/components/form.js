// Forms: fields with labels and hints, and refusals shown at the field they are about.
import { h, uid, announce } from '../app/dom.js';
import { t, errorText, waitText, againAt, dateTime } from '../app/i18n.js';
import { ApiError } from '../app/api.js';

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {HTMLInputElement} input
 * @property {string} value
 * @property {string[]} codes the refusals that are about this field
 * @property {(words: string|null) => void} wrong shows what is wrong with the value; it goes when another is right
 * @property {() => string|null} check what is wrong with the value, as far as this page can tell
 * @property {(words: string) => void} hint
 */

/**
 * @param {{
 *   name: string, label: string, type?: string, autocomplete?: string, required?: boolean, hint?: string,
 *   codes?: string[], value?: string, inputmode?: string, min?: number, max?: number, maxlength?: number,
 *   check?: (value: string) => string|null
 * }} options
 * check: what is wrong with a value that was typed; the casino has the last word
 * @returns {Field}
 */
export function textField(options) {
  const id = uid(options.name);
  const hint = options.hint ? h('small', { id: `${id}-hint` }, options.hint) : null;
  const wrong = h('span', { class: 'wrong', id: `${id}-wrong`, hidden: true });
  const input = h('input', {
    id,
    name: options.name,
    type: options.type ?? 'text',
    autocomplete: options.autocomplete ?? 'off',
    required: options.required,
    inputmode: options.inputmode,
    min: options.min,
    max: options.max,
    maxlength: options.maxlength,
    value: options.value ?? '',
    spellcheck: 'false',
    autocapitalize: 'none',
    'aria-describedby': hint ? `${id}-hint ${id}-wrong` : `${id}-wrong`,
  });
  const check = () => {
    if (options.required && !input.value) return t('form.needed');
    return input.value ? (options.check?.(input.value) ?? null) : null;
  };
  /** What was wrong, of which value. @type {{words: string, value: string}|null} */
  let was = null;
  /** @param {string|null} words */
  const say = (words) => {
    wrong.textContent = words ?? '';
    wrong.hidden = !words;
    if (words) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  };
  // What was said stays while the player types, until the value is right.
  input.addEventListener('input', () => {
    if (was) say(check() ?? (input.value === was.value ? was.words : null));
  });
  return {
    element: h('div', { class: 'field' }, h('label', { for: id }, options.label), input, hint, wrong),
    input,
    codes: options.codes ?? [],
    hint(words) {
      if (hint) hint.textContent = words;
    },
    get value() {
      return input.value;
    },
    check,
    wrong(words) {
      was = words ? { words, value: input.value } : null;
      say(words);
    },
  };
}

/** Whether this may be an e-mail address. The casino checks more. @param {string} text */
export function isAddress(text) {
  return /^[^\s@]+@[^\s@]+$/.test(text.trim());
}

/** The field for a new password. @param {string} name @param {string} label */
export function newPassword(name, label) {
  return textField({
    name,
    label,
    type: 'password',
    autocomplete: 'new-password',
    required: true,
    hint: t('sign.password_hint'),
    codes: ['invalid_password', 'password_too_common', 'password_like_name'],
    check: (value) => ([...value].length < 8 || [...value].length > 256 ? t('error.invalid_password') : null),
  });
}

/**
 * A form that sends one request at a time and shows what was wrong.
 * @param {{
 *   fields: Field[], submit: string, send: () => Promise<void>, extra?: Node[], elsewhere?: Field[],
 *   also?: () => HTMLElement|null, quiet?: boolean, done?: string, sure?: string
 * }} options
 * elsewhere: fields that `extra` holds; also: shows what else is wrong, and returns what takes the focus then; quiet: not
 * the gold button; sure: the words of a box to tick first, for what can't be undone
 */
export function form(options) {
  const note = h('p', { class: 'note bad', role: 'alert', hidden: true });
  const look = options.sure ? 'button danger' : options.quiet ? 'button' : 'button primary wide go';
  const button = h('button', { class: look, type: 'submit', disabled: !!options.sure }, options.submit);
  const sure = h('input', {
    type: 'checkbox',
    onchange: () => {
      button.disabled = !sure.checked;
    },
  });
  const element = h(
    'form',
    { class: 'panel stack', novalidate: true },
    note,
    options.fields.map((f) => f.element),
    options.extra,
    options.sure && h('label', { class: 'check' }, sure, h('span', null, options.sure)),
    button,
  );
  const all = [...options.fields, ...(options.elsewhere ?? [])];
  let sending = false;
  element.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (sending) return;
    note.hidden = true;
    note.classList.add('bad');
    // All that is wrong is said at once, each at its field.
    for (const field of all) field.wrong(field.check());
    const also = options.also?.() ?? null;
    const first = all.find((f) => f.input.hasAttribute('aria-invalid'))?.input ?? also;
    if (first) {
      first.focus();
      return;
    }
    sending = true;
    button.setAttribute('aria-disabled', 'true'); // a disabled button would lose the focus
    try {
      await options.send();
      if (options.done) {
        note.textContent = options.done;
        note.classList.remove('bad');
        note.hidden = false;
        announce(options.done);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const words = problemText(error);
      const field = all.find((f) => f.codes.includes(error.code));
      if (field) {
        field.wrong(words);
        field.input.focus();
        announce(words);
      } else {
        note.textContent = words;
        note.hidden = false;
      }
    } finally {
      sending = false;
      button.removeAttribute('aria-disabled');
    }
  });
  return element;
}

/**
 * The words for a refusal, and until when it holds, if it says so.
 * @param {ApiError} error @param {string} [words] in place of those for its code
 */
export function problemText({ code, problem, retryAfter }, words = errorText(code)) {
  const excluded = problem.excluded_until ?? (code === 'excluded' ? problem.next_at : undefined);
  if (excluded?.startsWith('9999')) return `${words} ${t('error.for_ever')}`;
  if (excluded) return `${words} ${t('error.until', { time: dateTime(excluded) })}`;
  if (problem.next_at) return `${words} ${againAt(problem.next_at)}`;
  return retryAfter > 0 ? `${words} ${waitText(retryAfter)}` : words;
}

/** Where to go after signing in: only ever a path of this house. */
export function nextPath() {
  const next = new URLSearchParams(location.search).get('next') ?? '/';
  return /^\/(?![/\\])/.test(next) && !next.startsWith('/sign-') ? next : '/';
}
