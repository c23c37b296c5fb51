// Text that is made to be copied: seeds, commitments, tokens.
import { h, announce } from '../app/dom.js';
import { t } from '../app/i18n.js';

/**
 * A long value with a button that copies it.
 * @param {string} value @param {string} name of what is copied, for screen readers
 * @param {Record<string, any>} [props] of the element that holds the value
 */
export function copyable(value, name, props = {}) {
  const text = h('span', { class: 'mono', ...props }, value);
  const button = h(
    'button',
    {
      class: 'button slim copy',
      type: 'button',
      'aria-label': `${t('account.copy')}: ${name}`,
      onclick: async () => {
        // Without HTTPS, browsers let no page write to the clipboard.
        try {
          await navigator.clipboard.writeText(text.textContent ?? '');
          said('account.copied');
        } catch {
          getSelection()?.selectAllChildren(text);
          said('account.selected');
        }
      },
    },
    t('account.copy'),
  );
  /** @param {string} key */
  function said(key) {
    button.title = t(key);
    button.classList.add('done');
    announce(t(key));
  }
  return h('span', { class: 'copyable' }, text, button);
}
