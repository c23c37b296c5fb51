// Runs before the first paint, so that a chosen theme never flashes the other one, and before the modules are there, so that
// the words come with them. A classic script on purpose.
(() => {
  const root = document.documentElement;
  /** What the player has chosen on this device. Storage may be forbidden: then the browser's own preference holds. */
  const chosen = (name) => {
    try {
      return JSON.parse(localStorage.getItem(`imperio.${name}`) ?? 'null');
    } catch {
      return null;
    }
  };
  const theme = chosen('theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;

  const languages = document.currentScript.dataset.languages?.split(' ');
  if (!languages) return; // a page that is written in one language
  const preferred = navigator.languages.map((wanted) => wanted.slice(0, 2).toLowerCase());
  root.lang = [chosen('language'), ...preferred].find((l) => languages.includes(l)) ?? languages[0];
  const words = document.createElement('link');
  Object.assign(words, { rel: 'preload', as: 'fetch', crossOrigin: 'anonymous' });
  words.href = new URL(`../../i18n/${root.lang}.json`, document.currentScript.src).href;
  document.head.append(words);
})();
