// Tables of things that a player can end one by one: sessions and personal access tokens.
import { h, announce } from '../app/dom.js';
import { t } from '../app/i18n.js';
import { get, remove, ApiError } from '../app/api.js';

/**
 * @template {{id: string}} T
 * @param {{
 *   name: (item: T) => string, path: string, key: string,
 *   columns: [string, (item: T) => import('../app/dom.js').Child|import('../app/dom.js').Child[]][],
 *   stays?: (item: T) => boolean|undefined, ended: string, empty?: string, heading: HTMLElement
 * }} options
 * columns: words, and what a cell holds; name: for the button that ends it; stays: it has no such button; heading: takes
 * the focus when a row has gone
 */
export function endable(options) {
  const list = h('tbody');
  const table = h(
    'table',
    { class: 'table cards', hidden: true },
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        options.columns.map(([words]) => h('th', { scope: 'col' }, words)),
        h('th', { scope: 'col' }, h('span', { class: 'sr' }, t('account.end'))),
      ),
    ),
    list,
  );
  const empty = h('p', { class: 'quiet', hidden: true }, options.empty);
  options.heading.tabIndex = -1;

  /** Fetches the list and shows it. @returns {Promise<T[]>} */
  async function draw() {
    /** @type {T[]} */
    const items = (await get(options.path))[options.key];
    table.hidden = items.length === 0;
    empty.hidden = items.length > 0;
    list.replaceChildren(...items.map(row));
    return items;
  }

  /** @param {T} item */
  function row(item) {
    return h(
      'tr',
      { 'data-id': item.id },
      options.columns.map(([words, cell]) => h('td', { 'data-label': words, class: 'full' }, cell(item))),
      h(
        'td',
        { 'data-label': '', class: 'full num' },
        !options.stays?.(item) &&
          h(
            'button',
            {
              class: 'button slim',
              type: 'button',
              'aria-label': `${t('account.end')}: ${options.name(item)}`,
              onclick: async () => {
                await end(item.id);
                announce(options.ended);
                await draw();
                options.heading.focus({ preventScroll: true });
              },
            },
            t('account.end'),
          ),
      ),
    );
  }

  /** Ends one. It is fine if it has already ended. @param {string} id */
  async function end(id) {
    try {
      await remove(`${options.path}/${id}`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }

  return { element: h('div', null, table, empty), draw, end };
}
