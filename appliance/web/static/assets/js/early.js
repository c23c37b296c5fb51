// Runs before the first paint, so that a chosen theme never flashes the other one. A classic script on purpose.
(() => {
  try {
    const theme = localStorage.getItem('imperio.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch { /* storage may be forbidden: then the browser's own preference holds */ }
})();
