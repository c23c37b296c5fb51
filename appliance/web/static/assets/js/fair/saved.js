// The fairness page as one file for the player's disk. Modules can't be loaded from file: addresses, so the sources of
// the computation and of the form are joined into one classic script. The file needs neither a network nor the casino.
import { h, asset, download } from '../app/dom.js';
import { wordsUnder, currentLanguage } from '../app/i18n.js';

/**
 * Turns a module into plain statements: without imports, and with exports as plain declarations.
 * @param {string} source
 */
function plain(source) {
  return source.replace(/^import [^;]+;$/gm, '').replace(/^export (?=(async )?function|class|const|let)/gm, '');
}

/** The words that the form needs. */
export function verifierWords() {
  return Object.assign(
    {},
    ...['fair.', 'bet.', 'coins.', 'symbol.', 'rank.', 'suit.', 'result.', 'color.', 'card.'].map(wordsUnder),
  );
}

/** @param {Record<string, any>} start what the form begins with */
export async function saveVerifier(start) {
  const [core, view, style] = await Promise.all(
    ['js/fair/core.js', 'js/fair/view.js', 'css/saved.css'].map(async (path) => (await fetch(asset(path))).text()),
  );
  const words = verifierWords();
  // A "</script" in the data would end the script early: "<" is written as an escape, which JSON and JavaScript read
  // alike.
  const data = (/** @type {any} */ value) => JSON.stringify(value).replaceAll('<', '\\u003c');
  const script = `'use strict';\n(() => {\n${plain(core)}\n${plain(view)}\ndocument.body.append(verifier(${data(words)}, ${data(start)}));\n})();`;
  const page = h(
    'html',
    { lang: currentLanguage() },
    h(
      'head',
      null,
      h('meta', { charset: 'utf-8' }),
      h('meta', {
        name: 'viewport',
        content: 'width=device-width, initial-scale=1',
      }),
      h('title', null, `${words['fair.saved_title']} · Imperio`),
    ),
    h('body', null, h('h1', null, words['fair.saved_title']), h('p', null, words['fair.saved_text'])),
  );
  const html = page.outerHTML
    .replace('</head>', () => `<style>\n${style}</style></head>`)
    .replace('</body>', () => `<script>\n${script}\n</script></body>`);
  download('imperio-fairness.html', 'text/html', `<!doctype html>\n${html}`);
}
