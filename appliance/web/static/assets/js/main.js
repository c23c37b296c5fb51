// The start: words, account, frame, page.
import { useLanguage } from './i18n.js';
import { load, changes, state } from './store.js';
import { drawFrame, markCurrent, startFrame } from './frame.js';
import { startRouter } from './router.js';
import { resume } from './bets.js';
import { startRealityCheck } from './reality.js';
import { startLive } from './live.js';
import './components/chip.js';
import './components/card.js';

const account = load().catch((error) => error);
await useLanguage();
const failed = await account;
if (failed instanceof Error) console.warn(failed.message); // the page itself says what can't be reached
drawFrame();
startFrame();
startRealityCheck();
await startRouter(markCurrent);
startLive();
if (state.account) {
  const answer = await resume();
  if (answer) { await load(); changes.dispatchEvent(new CustomEvent('resumed', { detail: answer })); }
}
document.documentElement.dataset.ready = '';
performance.mark('ready');
