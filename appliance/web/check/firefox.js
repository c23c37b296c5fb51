// The play-through with Firefox, driven over WebDriver BiDi: a sign-up, three games, and the proof of a round of each.
// Arguments: the casino's address, Firefox's path. It prints what it did, and fails with the first thing that is wrong.
import assert from 'node:assert/strict';
import puppeteer from 'puppeteer-core';

const [base, executablePath] = process.argv.slice(2);
const patience = 180_000; // the machine may be slow
const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath,
  headless: true,
  protocolTimeout: patience,
});
const page = await browser.newPage();
page.setDefaultTimeout(patience);
const complaints = [];
page.on('pageerror', (error) => complaints.push(error.message));
page.on('console', (message) => {
  if (message.type() === 'error') complaints.push(message.text());
});

/** Waits until a condition holds in the page. @param {string} what @param {string} condition */
async function until(what, condition) {
  try {
    await page.waitForFunction(condition, { polling: 50 });
  } catch (error) {
    const text = await page.evaluate('location.href + "\\n" + document.body.innerText.slice(0, 1000)');
    throw new Error(`waiting for: ${what}\n${text}`, { cause: error });
  }
}

/** @param {string} path */
async function visit(path) {
  await page.goto(base + path);
  await until(`${path} is drawn`, 'document.documentElement.dataset.ready !== undefined');
}

/** @param {string} selector */
async function click(selector) {
  await until(
    `${selector} can be clicked`,
    `(e => e && !e.disabled)(document.querySelector(${JSON.stringify(selector)}))`,
  );
  await page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
}

/** @param {string} what */
const did = (what) => console.log(what);

try {
  await visit('/sign-up');
  const name = `fox${Date.now().toString(36)}`;
  for (const [field, text] of [
    ['username', name],
    ['email', `${name}@example.org`],
    ['password', 'correct horse battery'],
  ]) {
    await page.type(`input[name=${field}]`, text);
  }
  await click('form button[type=submit]');
  // Firefox complains of what is still being loaded when the next page is opened.
  await until('the account is open', `document.getElementById('balance') && document.querySelector('.game-card')`);
  did('signed up');

  await visit('/slots');
  await click('#spin');
  await until(
    'the reels rest',
    `document.querySelectorAll('.facet.shown').length === 3 && !document.getElementById('spin').disabled && document.querySelector('.recent a')`,
  );
  did('played slots');

  await visit('/roulette');
  await click('[data-spot="red"]');
  await click('[data-spot="straight:17"]');
  await click('#spin');
  await until('the ball lies', `document.querySelector('#outcome .ball-number')`);
  did('played roulette');

  await visit('/blackjack');
  await click('#deal');
  const decided = `document.querySelector('[data-action]:not(:disabled)') || document.querySelector('#deal')?.checkVisibility() && !document.getElementById('deal').disabled && document.querySelector('.recent a')`;
  for (;;) {
    await until('a decision, or the end', decided);
    const action = await page.evaluate(
      `document.querySelector('[data-action=decline_insurance]:not(:disabled)') ? 'decline_insurance' : document.querySelector('[data-action=stand]:not(:disabled)') ? 'stand' : ''`,
    );
    if (!action) break;
    await click(`[data-action=${action}]`);
    await until(
      'it is taken',
      `!document.querySelector('[data-action=${action}]:not(:disabled)') || ${JSON.stringify(action)} === 'stand' && document.querySelectorAll('.hand').length > 1`,
    );
  }
  did('played blackjack');

  await visit('/fairness');
  await click('#rotation button[type=submit]');
  await until('the seed is revealed', `document.querySelector('.seeds tbody tr')`);
  did('revealed the seed');

  const rounds = await page.evaluate(
    `fetch('/api/v1/me/rounds?limit=10').then((r) => r.json()).then((r) => r.rounds.map(({ id, game }) => ({ id, game })))`,
  );
  assert.deepEqual(new Set(rounds.map((r) => r.game)), new Set(['slots', 'roulette', 'blackjack']));
  for (const { id, game } of rounds) {
    await visit(`/fairness?round=${id}`);
    await until(`the verdict on ${game}`, `document.querySelector('[data-verdict]')`);
    assert.equal(await page.evaluate(`document.querySelector('[data-verdict]').dataset.verdict`), 'right', game);
    did(`verified a round of ${game}`);
  }
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
