// The strips of the reels, for the rules: two stops for each symbol.
import { h, asset } from '../../app/dom.js';
import { t } from '../../app/i18n.js';
import { STRIPS } from './drum.js';

export function strips() {
  return h(
    'section',
    { class: 'panel' },
    h('h2', null, t('rules.strips')),
    h('p', { class: 'quiet' }, t('rules.strips_text')),
    h(
      'div',
      { class: 'strips' },
      STRIPS.map((strip, reel) =>
        h(
          'ol',
          { 'aria-label': t('rules.reel', { n: reel + 1 }) },
          strip.map((symbol, i) =>
            h(
              'li',
              null,
              h('span', { class: 'quiet small' }, `${15 + 2 * i}–${16 + 2 * i}`),
              h('img', {
                src: asset(`img/${symbol}.svg`),
                alt: t(`symbol.${symbol}`),
                width: 30,
                height: 30,
              }),
            ),
          ),
        ),
      ),
    ),
  );
}
