// Languages: English, Spanish, German. Chosen from the browser, switchable, kept on this device.
import { asset } from './dom.js';
import { device } from './kept.js';

export const LANGUAGES = /** @type {const} */ (['en', 'es', 'de']);

/** @type {Record<string, string>} */
let words = {};
/** @type {string} */
let language = 'en';

/** Loads the words of the page's language, which early.js has chosen. */
export async function useLanguage() {
  const chosen = document.documentElement.lang;
  const answer = await fetch(asset(`i18n/${chosen}.json`));
  if (!answer.ok) throw new Error(`the words of ${chosen} could not be loaded: ${answer.status}`);
  words = await answer.json();
  language = chosen;
}

/** Keeps the language that the player has chosen; pages that are loaded from now on use it. @param {string} chosen */
export function keepLanguage(chosen) {
  device.set('language', chosen);
}

export function currentLanguage() {
  return language;
}

/** The locale for numbers and dates: the browser's own variant of the language, if it has one. */
function locale() {
  return navigator.languages.find((l) => l.toLowerCase().startsWith(language)) ?? language;
}

/**
 * The words of a key, with {name} replaced.
 * @param {string} key
 * @param {Record<string, string|number>} [params]
 */
export function t(key, params) {
  let text = words[key];
  if (text === undefined) {
    console.error(`no words for ${key}`);
    return key;
  }
  if (params) for (const [name, value] of Object.entries(params)) text = text.replaceAll(`{${name}}`, String(value));
  if (/\{[a-z]+\}/.test(text)) console.error(`${key} lacks a value: ${text}`);
  return text;
}

/**
 * A rule in the language. The casino states it; the pages have no words of their own for rules.
 * @param {import('./types.js').Rule} rule
 */
export function inWords(rule) {
  return rule[/** @type {'en'|'es'|'de'} */ (language)];
}

/** True where the language has the key. @param {string} key */
export function has(key) {
  return key in words;
}

/** All words whose key starts so, for a page that is saved to disk. @param {string} prefix */
export function wordsUnder(prefix) {
  return Object.fromEntries(Object.entries(words).filter(([k]) => k.startsWith(prefix)));
}

/** The words for an error's code, and how long to wait. @param {string} code @param {number} [wait] seconds */
export function errorText(code, wait = 0) {
  const words = has(`error.${code}`) ? t(`error.${code}`) : t('error.unexpected', { code });
  return wait > 0 ? `${words} ${waitText(wait)}` : words;
}

/**
 * "Wait 40 seconds, then try again." From 90 seconds on also by the clock: "Again in 3 minutes, at 14:05." @param {number} seconds
 */
export function waitText(seconds) {
  if (seconds === 1) return t('wait.second');
  return seconds <= 90 ? t('wait.seconds', { n: num(seconds) }) : againAt(Date.now() + seconds * 1000);
}

/** "Again in 3 minutes, at 14:05." @param {string|number|Date} when */
export function againAt(when) {
  return t('wait.again', { when: whenText(when) });
}

/** "in 3 minutes, at 14:05", "in 2 days, on 3 May 2027, 14:05". @param {string|number|Date} when */
export function whenText(when) {
  const left = new Date(when).getTime() - Date.now();
  return left < 20 * 3600_000
    ? t('wait.at', { wait: inTime(left), time: timeOfDay(when) })
    : t('wait.on', { wait: inTime(left), time: dateTime(when) });
}

/** "in 3 minutes", "in 5 hours", "in 2 days". @param {number} milliseconds */
function inTime(milliseconds) {
  const all = Math.max(1, Math.ceil(milliseconds / 60_000));
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'always' });
  if (all < 120) return format.format(all, 'minute');
  return all < 48 * 60 ? format.format(Math.round(all / 60), 'hour') : format.format(Math.round(all / 1440), 'day');
}

/** The time of day, to the minute. A moment within a minute counts as its end. @param {string|number|Date} when */
function timeOfDay(when) {
  const minute = Math.ceil(new Date(when).getTime() / 60_000) * 60_000;
  return new Intl.DateTimeFormat(locale(), { timeStyle: 'short' }).format(minute);
}

/** @param {number} n */
export function num(n) {
  return new Intl.NumberFormat(locale()).format(n);
}

/** The short form of a large figure, never rounded up: 1.23B. @param {number} n */
export function brief(n) {
  return new Intl.NumberFormat(
    locale(),
    /** @type {any} */ ({
      notation: 'compact',
      maximumSignificantDigits: 3,
      roundingMode: 'trunc',
    }),
  ).format(n);
}

/** "1 coin", "5 coins". @param {number} n */
export function coins(n) {
  const form = new Intl.PluralRules(language).select(Math.abs(n)) === 'one' ? 'one' : 'other';
  return t(`coins.${form}`, { n: num(n) });
}

/**
 * The whole number that somebody typed, written plainly or grouped as in the language; null if it is
 * ambiguous. "1.000" is a thousand in German but not in English: there it is refused, not guessed.
 * @param {string} text
 */
export function wholeNumber(text) {
  const group = new Intl.NumberFormat(locale()).formatToParts(1234567).find((p) => p.type === 'group')?.value ?? ',';
  const groups = text.trim().split(/\s/.test(group) ? /\s/ : group);
  const right =
    groups.length === 1 ? /^\d+$/.test(groups[0]) : groups.every((g, i) => (i ? /^\d{3}$/ : /^\d{1,3}$/).test(g));
  const value = Number(groups.join(''));
  return right && Number.isSafeInteger(value) ? value : null;
}

/** With a sign: +5, −5, 0. @param {number} n */
export function signed(n) {
  return new Intl.NumberFormat(locale(), { signDisplay: 'exceptZero' }).format(n).replace('-', '\u2212');
}

/** @param {number} share 0.9583 */
export function percent(share, digits = 2) {
  return new Intl.NumberFormat(locale(), {
    style: 'percent',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(share);
}

/** @param {number} n @param {number} digits */
export function decimal(n, digits) {
  return new Intl.NumberFormat(locale(), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(n);
}

/** @param {string|number|Date} when */
export function dateTime(when) {
  return new Intl.DateTimeFormat(locale(), {
    dateStyle: 'medium',
    timeStyle: 'short',
  }).format(new Date(when));
}

/** From one moment to another, with the time of day if the two are close. @param {number} from @param {number} to */
export function period(from, to) {
  return new Intl.DateTimeFormat(locale(), {
    dateStyle: 'medium',
    timeStyle: to - from < 86_400_000 ? 'short' : undefined,
  }).formatRange(from, to);
}

/** @param {string|number|Date} when */
export function shortTime(when) {
  return new Intl.DateTimeFormat(locale(), {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  }).format(new Date(when));
}

/**
 * A moment on the axis of a chart, as exact as its span asks for.
 * @param {number} when
 * @param {number} span milliseconds
 */
export function tick(when, span) {
  const days = span / 86_400_000;
  return new Intl.DateTimeFormat(
    locale(),
    days < 0.01
      ? { hour: '2-digit', minute: '2-digit', second: '2-digit' }
      : days < 1
        ? { hour: '2-digit', minute: '2-digit' }
        : days < 300
          ? { month: 'short', day: 'numeric' }
          : { month: 'short', year: 'numeric' },
  ).format(when);
}

/** "1 minute", "90 minutes". @param {number} n */
export function minutes(n) {
  return new Intl.NumberFormat(locale(), {
    style: 'unit',
    unit: 'minute',
    unitDisplay: 'long',
  }).format(n);
}

/** In words: "1 hour, 5 minutes". @param {number} milliseconds */
export function timeSpent(milliseconds) {
  const all = Math.max(0, Math.floor(milliseconds / 60_000));
  const hours = new Intl.NumberFormat(locale(), {
    style: 'unit',
    unit: 'hour',
    unitDisplay: 'long',
  }).format(Math.floor(all / 60));
  return all < 60 ? minutes(all) : all % 60 ? `${hours}, ${minutes(all % 60)}` : hours;
}

/** Minutes and hours, as on a clock: 0:07, 1:32. @param {number} milliseconds */
export function clock(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60_000));
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`;
}
