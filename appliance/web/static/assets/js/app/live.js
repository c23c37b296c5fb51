// The live line: a WebSocket on which the casino sends news. It keeps the balance right when the player plays in two
// places, tells game pages about rounds played elsewhere, and signs the page out when its session has ended elsewhere.
import { state, setCoins, sessionEnded, refresh } from './store.js';
import { emit, on } from './events.js';

const SESSION_ENDED = 4001;

/** @type {WebSocket|null} */
let line = null;
let tries = 0;
let missing = false; // whether the line was down for a while: news from that time is lost
/** @type {ReturnType<typeof setTimeout>|undefined} */
let again;

function connect() {
  clearTimeout(again);
  if (!state.account || line) return;
  const mine = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`);
  line = mine;
  mine.addEventListener('open', () => {
    if (missing) emit('missed');
    missing = false;
    tries = 0;
    emit('answered');
    document.documentElement.dataset.live = 'open';
  });
  mine.addEventListener('message', (event) => {
    const news = JSON.parse(event.data);
    if (typeof news.coins === 'number') setCoins(news.coins, news.held_coins);
    if (news.round && state.account) state.account.open_round_id = news.round.settled ? null : news.round.id;
    if (news.round?.settled) refresh();
    if (news.round) emit('round', news.round);
    if (news.achievements?.length) emit('achieved', news.achievements);
  });
  mine.addEventListener('close', (event) => {
    if (line === mine) line = null;
    delete document.documentElement.dataset.live;
    if (event.code === SESSION_ENDED) {
      sessionEnded();
      return;
    }
    if (!state.account) return;
    emit('unanswered'); // the casino is gone, or is restarting
    missing = true;
    tries += 1;
    again = setTimeout(connect, Math.min(60_000, 1000 * 2 ** Math.min(tries, 6)));
  });
}

/** Keeps the line open while somebody is signed in. */
export function startLive() {
  on('account', () => {
    if (state.account) {
      if (!line && !again) connect();
    } else {
      clearTimeout(again);
      again = undefined;
      line?.close();
      line = null;
      tries = 0;
    }
  });
  on('found', () => {
    tries = 0;
    connect();
  });
  connect();
}
