// The live line: what the casino tells by itself. It keeps the balance right when the player plays in two places,
// tells game pages of rounds that go on elsewhere, and ends the page's session when the session has ended elsewhere.
import { state, changes, setCoins, sessionEnded, refresh } from './store.js';
import { signals } from './api.js';

const SESSION_ENDED = 4001;

/** @type {WebSocket|null} */
let line = null;
let tries = 0;
let missing = false; // whether the line was down for a while: what happened then was not told
/** @type {ReturnType<typeof setTimeout>|undefined} */
let again;

function connect() {
  clearTimeout(again);
  if (!state.account || line) return;
  const mine = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`);
  line = mine;
  mine.addEventListener('open', () => {
    if (missing) changes.dispatchEvent(new Event('missed'));
    missing = false;
    tries = 0;
    signals.dispatchEvent(new Event('answered'));
    document.documentElement.dataset.live = 'open';
  });
  mine.addEventListener('message', (event) => {
    const news = JSON.parse(event.data);
    if (typeof news.coins === 'number') setCoins(news.coins, news.held_coins);
    if (news.round && state.account) state.account.open_round_id = news.round.settled ? null : news.round.id;
    if (news.round?.settled) refresh();
    if (news.round) changes.dispatchEvent(new CustomEvent('round', { detail: news.round }));
  });
  mine.addEventListener('close', (event) => {
    if (line === mine) line = null;
    delete document.documentElement.dataset.live;
    if (event.code === SESSION_ENDED) { sessionEnded(); return; }
    if (!state.account) return;
    signals.dispatchEvent(new Event('unanswered')); // the casino has gone, or is only starting anew
    missing = true;
    tries += 1;
    again = setTimeout(connect, Math.min(60_000, 1000 * 2 ** Math.min(tries, 6)));
  });
}

/** Opens the line for as long as somebody is signed in. */
export function startLive() {
  changes.addEventListener('change', () => {
    if (state.account) { if (!line && !again) connect(); } else { clearTimeout(again); again = undefined; line?.close(); line = null; tries = 0; }
  });
  signals.addEventListener('found', () => { tries = 0; connect(); });
  connect();
}
