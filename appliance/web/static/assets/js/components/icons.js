// The line icons, 24 by 24, drawn for these pages.
import { s } from '../app/dom.js';
import { GAMES } from '../games/list.js';

/** @type {Record<string, string[]>} */
const PATHS = {
  menu: ['M4 7h16M4 12h16M4 17h16'],
  wallet: ['M4 7.5A2.5 2.5 0 0 1 6.5 5H17v3', 'M4 7.5V17a2 2 0 0 0 2 2h14V8H5.5', 'M16 13.5h.01'],
  history: ['M12 7v5l3.5 2', 'M4.5 9A8 8 0 1 1 4 12', 'M4 5v4h4'],
  shield: ['M12 3l7 2.5v5.5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V5.5z', 'M8.8 12l2.3 2.3 4.2-4.6'],
  account: ['M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z', 'M4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5'],
  add: ['M10 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z', 'M2.5 20c1-4 4-5.5 7.5-5.5 1.6 0 3 .3 4.3 1', 'M18.5 15v6M15.5 18h6'],
  laurel: [
    'M9.5 20.5C5.5 18.5 3.5 15 3.5 11.5S5 5.5 8 3.5M14.5 20.5c4-2 6-5.5 6-9S19 5.5 16 3.5',
    'M3.5 11.5c2.5 0 4 1 4.5 3.2M20.5 11.5c-2.5 0-4 1-4.5 3.2M5.2 6.8c2.3.2 3.7 1.3 4 3.3M18.8 6.8c-2.3.2-3.7 1.3-4 3.3M5.5 16.5c2.4-.7 4.3 0 5.3 2M18.5 16.5c-2.4-.7-4.3 0-5.3 2',
  ],
  medallion: [
    'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
    'M12 7.5a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4z',
    'M7 18c.6-2.4 2.6-3.4 5-3.4s4.4 1 5 3.4',
  ],
  leaf: ['M5 19C4 10 10 4 20 4c0 10-6 16-15 15z', 'M5 19c3-6 6-9 10-11'],
  book: ['M5 4.5h11a3 3 0 0 1 3 3V20H8a3 3 0 0 1-3-3z', 'M5 17a3 3 0 0 1 3-3h11', 'M9 8.5h6'],
  sound: ['M4 9.5v5h3.5L12 19V5L7.5 9.5z', 'M15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11'],
  moon: ['M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z'],
  out: ['M14 4H6v16h8', 'M10 12h10M17 8.5l3.5 3.5-3.5 3.5'],
  close: ['M6 6l12 12M18 6L6 18'],
  undo: ['M8 5L4 9l4 4', 'M4 9h10a5.5 5.5 0 0 1 0 11h-3'],
  clear: ['M6 6l12 12M18 6L6 18'],
  repeat: ['M17 3l3 3-3 3', 'M4 11V9a3 3 0 0 1 3-3h13', 'M7 21l-3-3 3-3', 'M20 13v2a3 3 0 0 1-3 3H4'],
  eraser: ['M10 19.5L4 13.5 13.5 4l6.5 6.5-9 9z', 'M8.5 9l6.5 6.5M10 19.5h10'],
  coins: [
    'M9 5c3.5 0 6 1 6 2.5S12.5 10 9 10 3 9 3 7.5 5.5 5 9 5z',
    'M3 7.5V16c0 1.5 2.5 2.5 6 2.5',
    'M3 12c0 1.3 2 2.2 5 2.4',
    'M16 12.5c3 0 5 .9 5 2.2s-2 2.3-5 2.3-5-1-5-2.3 2-2.2 5-2.2z',
    'M11 14.7V18c0 1.3 2 2.2 5 2.2s5-.9 5-2.2v-3.3',
  ],
  download: ['M12 4v11M7.5 11l4.5 4.5 4.5-4.5', 'M4.5 20h15'],
  circle: ['M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z'],
  check: ['M4.5 12.5l5 5 10-11'],
  cross: ['M6 6l12 12M18 6L6 18'],
};

/** @param {string} name of an icon, or of a game @returns {SVGElement} */
export function icon(name) {
  return s(
    'svg',
    {
      viewBox: '0 0 24 24',
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 1.7,
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
      'aria-hidden': 'true',
    },
    (PATHS[name] ?? GAMES[name]?.icon ?? []).map((d) => s('path', { d })),
  );
}
