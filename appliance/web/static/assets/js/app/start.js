// The start: words, account, frame, page.
import { useLanguage, errorText } from './i18n.js';
import { load } from './store.js';
import { drawFrame, markCurrent, startFrame, showBanner, signOut, refocusLanguage } from './frame.js';
import { prefetch, startRoutes } from './routes.js';
import { again } from './navigation.js';
import { ApiError } from './api.js';
import { once } from './events.js';
import { resume } from './bets.js';
import { leaveAchievements, startAchievements } from './achievements.js';
import { startRealityCheck } from './reality.js';
import { startLive } from './live.js';
import { startConnection } from './connection.js';
import { takeSecret } from './secret.js';
import '../components/chip.js';
import '../components/card.js';

// Shows errors of actions that nothing else has handled.
addEventListener('unhandledrejection', (event) => {
  if (!(event.reason instanceof ApiError)) return;
  event.preventDefault();
  showBanner(errorText(event.reason.code, event.reason.retryAfter), {
    close: true,
  });
});

takeSecret();
prefetch();
const account = load().catch((error) => error);
await useLanguage();
const failed = await account;
if (failed instanceof Error) {
  console.warn(failed.message); // the page itself shows what can't be reached
  once('found', async () => {
    await load();
    await again();
    await resume();
  });
}
drawFrame();
startFrame();
startConnection();
startRealityCheck(signOut);
startAchievements();
await startRoutes(() => {
  markCurrent();
  leaveAchievements();
});
refocusLanguage();
startLive();
if (!(failed instanceof Error)) await resume();
document.documentElement.dataset.ready = '';
performance.mark('ready');
// After everything else. Without HTTPS there is none, and a browser may forbid it.
navigator.serviceWorker?.register('/sw.js', { scope: '/', updateViaCache: 'none' }).catch(() => {});
