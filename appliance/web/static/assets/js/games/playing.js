// What every game page does around a bet: sign-in, the player's own seed, one bet at a time, refusals in words.
import { ApiError } from '../app/api.js';
import { place } from '../app/bets.js';
import { ensureOwnSeed, hold, release, state } from '../app/store.js';
import { busyShowing } from '../app/reality.js';
import { h } from '../app/dom.js';
import { html } from '../app/html.js';
import { t, coins, signed, errorText, dateTime } from '../app/i18n.js';
import { navigate } from '../app/navigation.js';

/** Prepares the player's seeds while the page is idle, so that the first bet need not wait for them. */
export function prepare() {
  if (state.account) ensureOwnSeed().catch(() => {}); // the bet asks again, and says what is wrong
}

/** The coins that can be staked now. */
export function balance() {
  return state.account?.coins ?? 0;
}

/**
 * The result of a settled round in words: the payout, which includes the stake, and the net.
 * @param {import('../app/types.js').Round} round
 */
export function cameTo({ payout, staked }) {
  return t(payout > 0 ? 'outcome.payout' : 'outcome.none', {
    payout: coins(payout),
    net: signed(payout - staked),
  });
}

/**
 * Gives the focus back to the control that had it before it was disabled, or to a stand-in, unless the player has moved
 * it since.
 * @param {...(Element|null|undefined)} places the first that can take it
 */
export function refocus(...places) {
  const now = document.activeElement;
  if (now && now !== document.body && !now.matches(':disabled')) return;
  for (const place of places) {
    if (place instanceof HTMLElement && place.isConnected && place !== document.body && !place.matches(':disabled')) {
      place.focus({ preventScroll: true });
      return;
    }
  }
}

/**
 * The page of a game: the bet panel and the stage fill the screen, the last rounds lie below.
 * @param {string} name as the API calls the game
 * @param {unknown} panel @param {unknown} stage @param {Node} strip
 */
export function gameTemplate(name, panel, stage, strip) {
  return html`<h1>${t(`game.${name}`)}</h1>
    <div class="play">
      <section class="betting panel" aria-label=${t('bet.panel')}>${panel}</section>
      <div class="stage ${name}">${stage}</div>
    </div>
    ${strip}`;
}

/**
 * Places a bet and shows its outcome. The balance changes when `show` is done, not before.
 * @template {{coins: number, held_coins?: number, round: import('../app/types.js').Round}} A
 * @param {string} path
 * @param {any} body
 * @param {{show: (answer: A) => Promise<void>, refused: (words: string, body: Node, code: string) => void}} stage `body` is the words with what else belongs to them
 * @returns {Promise<A|null>} null where the bet was refused
 */
export async function play(path, body, stage) {
  if (!state.account) {
    await navigate(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
    return null;
  }
  const free = busyShowing();
  hold();
  /** @type {A|null} */
  let answer = null;
  try {
    await ensureOwnSeed();
    answer = await place(path, body);
    if (answer) await stage.show(answer);
    return answer;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { words, link } = refusal(error);
    stage.refused(words, h('span', null, words, link && [' ', link]), error.code);
    return null;
  } finally {
    free();
    release(answer);
  }
}

/** Why a bet was refused, until when, and a link to where the player can change that. @param {ApiError} error */
function refusal({ code, problem }) {
  const own = code === 'limit_reached';
  const words =
    own && problem.limit
      ? t('bet.passes_limit', { limit: t(`limit.${problem.limit}`) })
      : errorText(code, problem.retry_after);
  return {
    words: problem.next_at ? `${words} ${t('error.until', { time: dateTime(problem.next_at) })}` : words,
    link: own && h('a', { href: '/responsible-play' }, t('reality.limits')),
  };
}
