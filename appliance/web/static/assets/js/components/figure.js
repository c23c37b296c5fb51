// Figures that may grow long: on phones a short form is seen from a million up, and the whole one is read out.
import { h } from '../dom.js';
import { num, brief } from '../i18n.js';

/** @param {number} n @param {string} [whole] how it is written in full @returns {(Node|string)[]} */
export function figure(n, whole = num(n)) {
  if (Math.abs(n) < 1_000_000) return [whole];
  return [h('span', { class: 'whole' }, whole), h('span', { class: 'brief', 'aria-hidden': 'true' }, brief(n))];
}
