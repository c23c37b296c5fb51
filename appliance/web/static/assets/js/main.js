// The start: words, account, frame, page.
import { useLanguage, errorText } from './i18n.js';
import { load, changes, state } from './store.js';
import { drawFrame, markCurrent, startFrame, showBanner } from './frame.js';
import { startRouter, rerender } from './router.js';
import { signals, ApiError } from './api.js';
import { resume } from './bets.js';
import { startRealityCheck } from './reality.js';
import { startLive } from './live.js';
import { startConnection } from './connection.js';
import { takeSecret } from './secret.js';
import './components/chip.js';
import './components/card.js';

// Shows errors of actions that nothing else has handled.
addEventListener('unhandledrejection', (event) => {
  if (!(event.reason instanceof ApiError)) return;
  event.preventDefault();
  showBanner(errorText(event.reason.code, event.reason.retryAfter), { close: true });
});

takeSecret();
const account = load().catch((error) => error);
await useLanguage();
const failed = await account;
if (failed instanceof Error) {
  console.warn(failed.message); // the page itself shows what can't be reached
  signals.addEventListener('found', async () => { await load(); await rerender(); }, { once: true });
}
drawFrame();
startFrame();
startConnection();
startRealityCheck();
await startRouter(markCurrent);
startLive();
if (state.account) {
  const answer = await resume();
  if (answer) { await load(); changes.dispatchEvent(new CustomEvent('resumed', { detail: answer })); }
}
document.documentElement.dataset.ready = '';
performance.mark('ready');
