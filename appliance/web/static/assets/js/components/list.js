// Long lists: filters, pages, and the whole of it as a file.
import { h, asset, download } from '../dom.js';
import { t } from '../i18n.js';
import { get, query } from '../api.js';

/** A field of a filter. @param {string} label @param {[string, string][]} options value and words @param {(value: string) => void} changed @param {string} [value] */
export function choice(label, options, changed, value = '') {
  const select = h('select', { onchange: () => changed(select.value) }, options.map(([v, words]) => h('option', { value: v, selected: v === value }, words)));
  return h('label', { class: 'field filter' }, h('span', null, label), select);
}

/**
 * A table that is fetched page by page.
 * @template T
 * @param {{path: string, key: string, columns: [string, boolean][], row: (item: T) => HTMLElement, empty: string}} options columns: words, and whether they hold figures
 */
export function pagedTable(options) {
  /** @type {Record<string, string>} */
  let filter = {};
  /** @type {string|null} */
  let cursor = null;
  let turn = 0;
  const body = h('tbody');
  const table = h('table', { class: 'table cards' }, h('thead', null, h('tr', null, options.columns.map(([words, figures]) => h('th', { scope: 'col', class: figures ? 'num' : null }, words)))), body);
  const more = h('button', { class: 'button', type: 'button', hidden: true, onclick: () => { void load(); } }, t('action.more'));
  const empty = h('div', { class: 'empty', hidden: true }, h('img', { src: asset('img/laurel.svg'), alt: '', width: 56, height: 56 }), h('p', { class: 'quiet' }, options.empty));
  const bones = h('div', { class: 'stack', hidden: true }, [1, 2, 3, 4].map(() => h('div', { class: 'skeleton' })));

  async function load() {
    turn += 1;
    const mine = turn;
    more.disabled = true;
    bones.hidden = body.children.length > 0;
    try {
      const page = await get(`${options.path}${query({ limit: 25, cursor, ...filter })}`);
      if (mine !== turn) return;
      body.append(...page[options.key].map(options.row));
      cursor = page.next_cursor;
      more.hidden = !cursor;
      empty.hidden = body.children.length > 0 || !!cursor;
      table.hidden = body.children.length === 0;
    } finally {
      if (mine === turn) { more.disabled = false; bones.hidden = true; }
    }
  }

  return {
    element: h('div', { class: 'stack' }, bones, table, empty, h('div', { class: 'row' }, more)),
    load,
    /** @param {Record<string, string>} changes */
    filter(changes) {
      filter = { ...filter, ...changes };
      cursor = null;
      body.replaceChildren();
      return load();
    },
    /** All pages of the list as it is filtered, at most so many items. @returns {Promise<T[]>} */
    async all(most = 20_000) {
      /** @type {T[]} */
      const items = [];
      /** @type {string|null} */
      let next = null;
      do {
        /** @type {any} */
        const page = await get(`${options.path}${query({ limit: 100, cursor: next, ...filter })}`);
        items.push(...page[options.key]);
        next = page.next_cursor;
      } while (next && items.length < most);
      return items;
    },
  };
}

/** Saves rows as CSV (RFC 4180). Text that a spreadsheet would take for a formula is kept from it. @param {string} name @param {string[]} head @param {(string|number|null)[][]} rows */
export function saveCSV(name, head, rows) {
  const cell = (/** @type {string|number|null} */ v) => {
    if (v === null) return '';
    if (typeof v === 'number') return String(v);
    const safe = /^[=+\-@\t\r]/.test(v) ? `'${v}` : v;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  download(name, 'text/csv', [head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n');
}
