// Long lists: filters, pages, and a download of the whole list.
import { h, asset, download } from '../app/dom.js';
import { t, errorText } from '../app/i18n.js';
import { get, query, ApiError } from '../app/api.js';
import { state } from '../app/store.js';

/**
 * What each list held when the player left it, to restore it when the player comes back.
 * @type {Map<string, {of: string, items: any[], cursor: string|null}>}
 */
const kept = new Map();

/**
 * A table that is fetched page by page. The page's address holds its filters.
 * @template T
 * @param {{
 *   path: string, key: string, look: string, columns: [string, boolean][], row: (item: T) => HTMLElement,
 *   empty: string, filters: Record<string, {label: string, options: [string, string][]}>
 * }} options
 * columns: words, and whether they hold figures; filters: by their name in the API, with values and words
 */
export function pagedTable(options) {
  const asked = new URLSearchParams(location.search);
  const names = Object.keys(options.filters);
  /** @type {Record<string, string>} */
  const filter = Object.fromEntries(
    names.map((name) => [name, options.filters[name].options.find(([value]) => value === asked.get(name))?.[0] ?? '']),
  );
  /** @type {T[]} */
  let items = [];
  /** @type {string|null} */
  let cursor = null;
  let turn = 0;
  const body = h('tbody');
  const table = h(
    'table',
    { class: `table cards dense ${options.look}`, hidden: true },
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        options.columns.map(([words, figures]) => h('th', { scope: 'col', class: figures ? 'num' : null }, words)),
      ),
    ),
    body,
  );
  const more = h(
    'button',
    {
      class: 'button',
      type: 'button',
      hidden: true,
      onclick: () => {
        void load();
      },
    },
    t('action.more'),
  );
  const empty = h(
    'div',
    { class: 'empty', hidden: true },
    h('img', { src: asset('img/laurel.svg'), alt: '', width: 56, height: 56 }),
    h('p', { class: 'quiet' }, options.empty),
  );
  const bones = h(
    'div',
    { class: 'stack bones', hidden: true },
    Array.from({ length: 8 }, () => h('div', { class: 'skeleton' })),
  );
  const wrong = h('p', null);
  const failed = h(
    'div',
    { class: 'note bad row between', role: 'alert', hidden: true },
    wrong,
    h(
      'button',
      {
        class: 'button slim',
        type: 'button',
        onclick: () => {
          void load();
        },
      },
      t('action.again'),
    ),
  );

  /** @param {T[]} fresh @param {string|null} next */
  function add(fresh, next) {
    items.push(...fresh);
    body.append(...fresh.map(options.row));
    cursor = next;
    more.hidden = !cursor;
    empty.hidden = items.length > 0 || !!cursor;
    table.hidden = items.length === 0;
  }

  async function load() {
    turn += 1;
    const mine = turn;
    more.disabled = true;
    failed.hidden = true;
    empty.hidden = true;
    bones.hidden = items.length > 0;
    try {
      const page = await get(`${options.path}${query({ limit: 25, cursor, ...filter })}`);
      if (mine === turn) add(page[options.key], page.next_cursor);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) {
        wrong.textContent = errorText(error.code, error.retryAfter);
        failed.hidden = false;
      }
    } finally {
      if (mine === turn) {
        more.disabled = false;
        bones.hidden = true;
      }
    }
  }

  const of = () => JSON.stringify([state.account?.id, filter]);
  return {
    element: h('div', { class: 'stack' }, bones, table, empty, failed, h('div', { class: 'row' }, more)),
    filters: names.map((name) => {
      const select = h(
        'select',
        {
          name,
          onchange: () => {
            filter[name] = select.value;
            history.replaceState(history.state, '', location.pathname + query(filter));
            items = [];
            cursor = null;
            body.replaceChildren();
            table.hidden = true;
            more.hidden = true;
            void load();
          },
        },
        options.filters[name].options.map(([value, words]) =>
          h('option', { value, selected: value === filter[name] }, words),
        ),
      );
      return h('label', { class: 'field filter' }, h('span', null, options.filters[name].label), select);
    }),
    /** Fetches the first page, or restores the earlier list. @param {boolean} back whether the player comes back */
    start(back) {
      const before = kept.get(options.path);
      if (back && before?.of === of()) add(before.items, before.cursor);
      else void load();
    },
    leave() {
      kept.set(options.path, { of: of(), items, cursor });
    },
    /** All pages of the filtered list, up to a maximum number of items. @returns {Promise<T[]>} */
    async all(most = 20_000) {
      /** @type {T[]} */
      const all = [];
      /** @type {string|null} */
      let next = null;
      do {
        /** @type {any} */
        const page = await get(`${options.path}${query({ limit: 100, cursor: next, ...filter })}`);
        all.push(...page[options.key]);
        next = page.next_cursor;
      } while (next && all.length < most);
      return all;
    },
  };
}

/**
 * Saves rows as CSV (RFC 4180). Text that a spreadsheet would read as a formula is escaped.
 * @param {string} name
 * @param {string[]} head
 * @param {(string|number|null)[][]} rows
 */
export function saveCSV(name, head, rows) {
  const cell = (/** @type {string|number|null} */ v) => {
    if (v === null) return '';
    if (typeof v === 'number') return String(v);
    const safe = /^[=+\-@\t\r]/.test(v) ? `'${v}` : v;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  download(name, 'text/csv', [head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n');
}
