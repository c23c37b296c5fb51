// Copies lit-html, which the pages use, from its package into the pages, or (--check) says where the two differ.
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

const files = [
  'lit-html.js',
  'directive.js',
  'directive-helpers.js',
  'directives/repeat.js',
  'directives/live.js',
  'LICENSE',
];
const vendored = new URL('../static/assets/js/vendor/', import.meta.url);

for (const file of files) {
  const source = readFileSync(new URL(`node_modules/lit-html/${file}`, import.meta.url), 'utf8');
  const wanted = source.replace(/^\/\/# sourceMappingURL=.*\n?/m, ''); // the maps are not copied
  const path = new URL(file === 'LICENSE' ? 'LICENSE.lit-html.txt' : file, vendored);
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(path.pathname), { recursive: true });
    writeFileSync(path, wanted);
  } else if (readFileSync(path, 'utf8') !== wanted) {
    console.error(`${path.pathname} is not what the package holds: run "npm run vendor" in appliance/web/check`);
    process.exitCode = 1;
  }
}
