// The published basic strategy, for the rules.
import { h } from '../../app/dom.js';
import { t } from '../../app/i18n.js';

/**
 * The published basic strategy, as docs/GAMES.md has it: a hand, and what to do when the dealer shows 2 to 10 or an
 * ace.
 */
const STRATEGY = `
hard 17  S S S S S S S S S S
hard 16  S S S S S H H R R R
hard 15  S S S S S H H H R H
hard 14  S S S S S H H H H H
hard 13  S S S S S H H H H H
hard 12  H H S S S H H H H H
hard 11  D D D D D D D D D H
hard 10  D D D D D D D D H H
hard 9   H D D D D H H H H H
hard 8   H H H H H H H H H H
soft 19  S S S S S S S S S S
soft 18  S d d d d S S H H H
soft 17  H D D D D H H H H H
soft 16  H H D D D H H H H H
soft 15  H H D D D H H H H H
soft 14  H H H D D H H H H H
soft 13  H H H D D H H H H H
pair A   P P P P P P P P P P
pair 9   P P P P P - P P - -
pair 8   P P P P P P P P P P
pair 7   P P P P P P - - - -
pair 6   P P P P P - - - - -
pair 4   - - - P P - - - - -
pair 3   P P P P P P - - - -
pair 2   P P P P P P - - - -
`;

export function strategy() {
  const lines = STRATEGY.trim()
    .split('\n')
    .map((line) => line.split(/\s+/));
  return h(
    'details',
    { class: 'panel', id: 'strategy' },
    h('summary', null, t('rules.strategy')),
    h('p', { class: 'quiet small' }, t('rules.strategy_text')),
    h(
      'table',
      { class: 'table chart-table' },
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('th', { scope: 'col' }, t('blackjack.your_hand')),
          [2, 3, 4, 5, 6, 7, 8, 9, 10, 'A'].map((up) => h('th', { scope: 'col' }, up)),
        ),
      ),
      h(
        'tbody',
        null,
        lines.map(([kind, n, ...plays]) =>
          h(
            'tr',
            null,
            h('th', { scope: 'row' }, t(`rules.${kind}`, { n })),
            plays.map((play) => h('td', { 'data-play': play }, play)),
          ),
        ),
      ),
    ),
  );
}
