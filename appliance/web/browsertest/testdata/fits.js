// What doesn't fit on the screen of a game: a list of sentences, empty if all is well. $LEAST is the smallest side of a
// target in pixels, $MUST lists selectors of parts that must be seen whole; a part that is not there is not judged.
(async () => {
  const least = $LEAST, must = $MUST;
  const frame = () => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
  await frame();
  await Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {})));
  await frame();
  const wrong = [];
  // Words for screen readers alone are clipped away.
  const clipped = (e) => e.closest('.sr') || getComputedStyle(e).clipPath.startsWith('inset(50%');
  const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !clipped(e);
  const name = (e) => `${e.tagName.toLowerCase()}${e.id ? '#' + e.id : ''}.${(e.getAttribute('class') ?? '').trim().replaceAll(/\s+/g, '.')} "${(e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 30)}"`;
  const box = (r) => `${Math.round(r.left)},${Math.round(r.top)} to ${Math.round(r.right)},${Math.round(r.bottom)}`;
  const outside = (r) => r.left < -1 || r.top < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1;

  if (scrollY !== 0) wrong.push(`the page was scrolled by ${scrollY}`);
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const bar = document.querySelector('.top').getBoundingClientRect();
  for (const selector of must) {
    const all = [...document.querySelectorAll(selector)].filter(seen);
    if (!all.length) wrong.push(`${selector} is not shown`);
    for (const e of all) {
      const r = e.getBoundingClientRect();
      if (outside(r) || r.top < bar.bottom - 1) wrong.push(`${name(e)} lies at ${box(r)}, outside the screen`);
    }
  }
  const gold = [...document.querySelectorAll('.button.primary')].filter(seen);
  if (gold.length > 1) wrong.push(`there are ${gold.length} gold buttons`);
  const panel = document.querySelector('.betting');
  if (panel.scrollHeight > panel.clientHeight + 1) wrong.push(`the panel needs ${panel.scrollHeight} of ${panel.clientHeight}`);

  // Targets. What is cut off by its surroundings takes turns with something else, and isn't there.
  const cut = (e, r) => {
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
      if (!/hidden|clip|auto|scroll/.test(getComputedStyle(p).overflow)) continue;
      const q = p.getBoundingClientRect();
      if (r.right < q.left + 1 || r.left > q.right - 1 || r.bottom < q.top + 1 || r.top > q.bottom - 1) return true;
    }
    return false;
  };
  for (const e of document.querySelectorAll(':is(.top, .play) :is(button, a[href], input, select, summary, [role=button])')) {
    if (!seen(e) || e.closest('[inert], [popover]:not(:popover-open)')) continue;
    if (e.matches('a') && getComputedStyle(e).display === 'inline') continue; // in a sentence
    let r = e.getBoundingClientRect();
    if (e.matches('input[type=checkbox], input[type=radio]')) r = (e.closest('label') ?? e).getBoundingClientRect();
    if (r.width < 2 || cut(e, r)) continue;
    if (e.closest('svg')) r = e.querySelector('path, rect, circle').getBoundingClientRect();
    if (Math.min(r.width, r.height) < least - 0.5) wrong.push(`${name(e)} is ${r.width.toFixed(1)} by ${r.height.toFixed(1)}`);
    if (outside(r) && e.closest('.play')) wrong.push(`${name(e)} lies at ${box(r)}, outside the screen`);
  }

  // Words: neither cut off nor over each other.
  const shield = [...document.querySelectorAll('.play .shield')].find(seen);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const e = text.parentElement;
    if (!text.data.trim() || !e.closest('.top, .play') || !seen(e) || e.closest('[popover], svg, im-card, im-chip')) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const r = range.getBoundingClientRect();
    if (r.width < 1 || cut(e, r)) continue;
    for (let p = e; p && p !== document.body; p = p.parentElement) {
      const q = p.getBoundingClientRect();
      const hides = /hidden|clip/.test(getComputedStyle(p).overflowX) || p.matches('button, .button, .panel, .plate, .felt, .spot');
      if (hides && (r.left < q.left - 1.5 || r.right > q.right + 1.5)) wrong.push(`"${text.data.trim().slice(0, 40)}" of ${name(e)} at ${box(r)} passes ${name(p)} at ${box(q)}`);
    }
    if (shield && !shield.contains(e)) {
      const q = shield.getBoundingClientRect();
      if (r.left < q.right - 1 && r.right > q.left + 1 && r.top < q.bottom - 3 && r.bottom > q.top + 3) wrong.push(`"${text.data.trim().slice(0, 40)}" runs under the shield`);
    }
  }
  return [...new Set(wrong)];
})()
