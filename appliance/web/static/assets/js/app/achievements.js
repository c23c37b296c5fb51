// Tells which achievements the player has just reached: one quiet line that covers no outcome that is being shown, and goes
// with the next bet, the next page, or the next touch anywhere. Who may not be invited to anything finds them in the profile.
import { h, announce } from './dom.js';
import { t } from './i18n.js';
import { on } from './events.js';
import { state, shown } from './store.js';
import { mayInvite } from './frame.js';
import { icon } from '../components/icons.js';

/** The pages reach it by themselves before the first bet, so there is nothing to tell. */
const UNTOLD = 'own_seed';

/** @type {HTMLElement|null} */
let line = null;
/** The names on the line, and those that wait for the outcome of a bet to be shown. @type {string[]} */
let names = [];
/** The path of the page on which they were told. */
let told = '';

function putAway() {
  line?.remove();
  line = null;
  names = [];
}

/** @param {string[]} reached */
async function tell(reached) {
  const { account } = state;
  if (!account || !mayInvite(account)) return;
  await shown();
  if (state.account !== account) return;
  const all = [...names, ...reached];
  putAway();
  names = all;
  told = location.pathname;
  const words = t('achieved.told', { names: all.map((name) => t(`achievement.${name}`)).join(', ') });
  line = h(
    'aside',
    { class: 'reached-line', 'aria-label': t('achieved.title') },
    icon('laurel'),
    h('a', { href: '/profile', onclick: putAway }, words),
    h('button', { type: 'button', 'aria-label': t('action.close'), onclick: putAway }, icon('close')),
  );
  document.getElementById('frame-top')?.after(line);
  announce(words);
}

/** Subscribes to what is reached. Call it once. */
export function startAchievements() {
  on('achieved', (list) => {
    const known = state.profile?.achievements ?? []; // an answer may have told of them before
    const fresh = list.filter((a) => !known.some((k) => k.name === a.name));
    if (state.profile) state.profile.achievements = [...known, ...fresh];
    const names = list.map((a) => a.name).filter((name) => name !== UNTOLD);
    if (names.length) void tell(names);
  });
  on('showing', putAway);
  document.addEventListener('pointerdown', (event) => {
    if (!line?.contains(/** @type {Node} */ (event.target))) putAway();
  });
  on('account', () => {
    if (!state.account || !mayInvite(state.account)) putAway();
  });
}

/** What was told on another page goes. Call it after each page. */
export function leaveAchievements() {
  if (location.pathname !== told) putAway();
}
