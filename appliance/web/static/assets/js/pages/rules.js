// The rules of each game, and those of all of them.
import { h } from '../app/dom.js';
import { t, percent, inWords } from '../app/i18n.js';
import { icon } from '../components/icons.js';
import { games, rulesOf } from '../app/store.js';
import { gameRules } from '../components/rules.js';

/** @param {string} path @returns {Promise<import('../app/routes.js').Page>} */
export default async function rules(path) {
  const name = path.split('/')[2];
  return name ? onePage(name) : overview();
}

/** @returns {Promise<import('../app/routes.js').Page>} */
async function overview() {
  const list = await games();
  const common = await rulesOf('house');
  return {
    title: t('nav.rules'),
    body: h(
      'div',
      { class: 'reading stack' },
      h('h1', null, t('nav.rules')),
      h('p', { class: 'lede' }, t('rules.lede')),
      h(
        'ul',
        { class: 'rule-list' },
        list.map((g) =>
          h(
            'li',
            null,
            h(
              'a',
              { class: 'panel', href: `/rules/${g.game}` },
              icon(g.game),
              h(
                'span',
                null,
                h('strong', null, t(`game.${g.game}`)),
                h(
                  'span',
                  { class: 'quiet small' },
                  g.sheet?.figures
                    ? t('bet.return', {
                        share: percent(g.sheet.figures.return_decimal),
                      })
                    : '',
                ),
              ),
            ),
          ),
        ),
      ),
      h(
        'section',
        { class: 'panel' },
        h('h2', null, t('rules.common')),
        h(
          'ul',
          null,
          common.map((rule) => h('li', null, inWords(rule))),
        ),
      ),
      h('p', { class: 'note' }, t('play_money')),
    ),
  };
}

/** @param {string} name @returns {Promise<import('../app/routes.js').Page>} */
async function onePage(name) {
  const title = t('rules.of', { game: t(`game.${name}`) });
  return {
    title,
    body: h(
      'div',
      { class: 'reading stack' },
      h('h1', null, title),
      await gameRules(name),
      h(
        'div',
        { class: 'row' },
        h('a', { class: 'button primary', href: `/${name}` }, t('rules.play')),
        h('a', { class: 'button', href: '/fairness' }, t('nav.fairness')),
      ),
    ),
  };
}
