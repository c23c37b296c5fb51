// Figures that may grow long. On phones, a million and more is shown in a short form; screen readers get all digits.
import { h } from '../app/dom.js';
import { num, brief } from '../app/i18n.js';

/** @param {number} n @param {string} [whole] how it is written in full @returns {(Node|string)[]} */
export function figure(n, whole = num(n)) {
  if (Math.abs(n) < 1_000_000) return [whole];
  return [h('span', { class: 'whole' }, whole), h('span', { class: 'brief', 'aria-hidden': 'true' }, brief(n))];
}
