// The games, and what the pages around them show of each. A new game is an entry here, and in app/routes.js.
import { h, asset } from '../app/dom.js';
import { t, num } from '../app/i18n.js';

/**
 * @typedef {(Node|string|false|null|undefined)[]} Shown
 *
 * @typedef {object} Game
 * @property {string[]} icon the lines of its icon, 24 by 24
 * @property {() => Promise<Shown>} picture in the lobby
 * @property {(round: import('../app/types.js').Round) => Shown} marks a round's outcome in a few marks
 * @property {() => Promise<Node>} [rules] what is drawn below its rules
 */

/** Games by the name that the API calls them, in the order of the menu. @type {Record<string, Game>} */
export const GAMES = {
  slots: {
    icon: ['M4 5h16v14H4z', 'M9.3 5v14M14.7 5v14', 'M4 12h1.5M18.5 12H20'],
    picture: async () =>
      ['lemon', 'cherry', 'apple'].map((symbol, i) =>
        h(
          'div',
          { class: 'mini-drum', vars: { i } },
          h(
            'div',
            { class: 'mini-strip' },
            ['banana', 'cherry', symbol, 'lemon', 'cherry'].map((x) =>
              h('img', {
                src: asset(`img/${x}.svg`),
                alt: '',
                width: 64,
                height: 64,
              }),
            ),
          ),
        ),
      ),
    marks: ({ outcome }) =>
      (outcome?.symbols ?? []).map((/** @type {string} */ symbol) =>
        h('img', {
          src: asset(`img/${symbol}.svg`),
          alt: t(`symbol.${symbol}`),
          width: 22,
          height: 22,
        }),
      ),
    rules: async () => (await import('./slots/strips.js')).strips(),
  },
  roulette: {
    icon: [
      'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
      'M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z',
      'M12 3v5.5M12 15.5V21M3 12h5.5M15.5 12H21',
    ],
    picture: async () => [(await import('./roulette/wheel-picture.js')).wheelPicture('mini-wheel')],
    marks: ({ outcome }) => (outcome ? [h('span', { class: `ball-number ${outcome.color}` }, outcome.pocket)] : []),
  },
  blackjack: {
    icon: [
      'M9 4h9a1.5 1.5 0 0 1 1.5 1.5V18A1.5 1.5 0 0 1 18 19.5H9A1.5 1.5 0 0 1 7.5 18V5.5A1.5 1.5 0 0 1 9 4z',
      'M7.5 8 4.2 9.1a1 1 0 0 0-.6 1.3l3.9 9.6',
      'M13.5 8.3c1.6 2 3 2.9 3 4.4a1.5 1.5 0 0 1-3 .2 1.5 1.5 0 0 1-3-.2c0-1.5 1.4-2.4 3-4.4zM13.5 13v2.6',
    ],
    picture: async () => [
      h('im-card', { rank: 'ace', suit: 'spades' }),
      h('im-card', { rank: 'king', suit: 'hearts' }),
    ],
    marks: ({ outcome, settled }) =>
      settled && outcome
        ? [
            h(
              'span',
              null,
              outcome.hands
                .map((/** @type {import('../app/types.js').Hand} */ hand) =>
                  hand.result ? t(`result.${hand.result}`) : t('blackjack.open'),
                )
                .join(' · '),
            ),
          ]
        : [],
    rules: async () => (await import('./blackjack/strategy.js')).strategy(),
  },
};

/** The limits of a table, in words. @param {import('../app/types.js').GameInfo} info */
export function tableLimits(info) {
  const limits = { min: num(info.min_stake), max: num(info.max_stake) };
  return info.max_bet && info.max_bet < info.max_stake
    ? t('bet.limits_position', { ...limits, position: num(info.max_bet) })
    : t('bet.limits', limits);
}

/** The names of all games. */
export const NAMES = Object.keys(GAMES);
