// The page that the service worker shows while the casino can't be reached: one language, and the way back as soon as
// there is one. A classic script on purpose: it imports nothing, so it can't fail for what it lacks.
(() => {
  let chosen;
  try {
    chosen = JSON.parse(localStorage.getItem('imperio.language') ?? 'null');
  } catch {
    /* storage may be forbidden */
  }
  const sections = [...document.querySelectorAll('section[lang]')];
  const wanted = [chosen, ...navigator.languages].map((l) => String(l).slice(0, 2).toLowerCase());
  const language = wanted.find((l) => sections.some((section) => section.lang === l)) ?? 'en';
  for (const section of sections) if (section.lang !== language) section.remove();
  document.documentElement.lang = language;
  document.title = `${document.querySelector('h1')?.textContent} · Imperio`;

  const PAUSE = 4000;
  async function ask() {
    try {
      if ((await fetch('/health/live', { cache: 'no-store' })).ok) {
        location.reload();
        return;
      }
    } catch {
      /* not yet */
    }
    setTimeout(ask, PAUSE);
  }
  addEventListener('online', () => location.reload());
  setTimeout(ask, PAUSE);
})();
