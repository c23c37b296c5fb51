// Runs before the first paint, so that a chosen theme never flashes the other one. A classic script on purpose.
(() => {
  try {
    const theme = JSON.parse(localStorage.getItem('imperio.theme') ?? 'null');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    /* storage may be forbidden: then the browser's own preference holds */
  }
})();
