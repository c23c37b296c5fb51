// Builds elements without markup in strings, so that nothing from the server can become HTML.

/** @typedef {Node|string|number|null|undefined|false} Child */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Sets attributes, listeners (`onclick`), CSS custom properties (`vars`) and properties that have no attribute.
 * @param {Element} element
 * @param {Record<string, any>} props
 */
function assign(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'vars')
      for (const [k, v] of Object.entries(value))
        /** @type {HTMLElement} */ (element).style.setProperty(`--${k}`, String(v));
    else if (name === 'value')
      /** @type {HTMLInputElement} */ (element).value = value;
    else if (name === 'class') element.setAttribute('class', value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

/**
 * @param {Element} element
 * @param {(Child|Child[])[]} children
 */
function fill(element, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === 'number' ? String(child) : child);
  }
}

/**
 * @template {string} K
 * @param {K} tag
 * @param {Record<string, any>|null} [props]
 * @param {...(Child|Child[])} children
 * @returns {K extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[K] : HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  if (props) assign(element, props);
  fill(element, children);
  return /** @type {any} */ (element);
}

/**
 * @param {string} tag
 * @param {Record<string, any>|null} [props]
 * @param {...(Child|Child[])} children
 * @returns {SVGElement}
 */
export function s(tag, props, ...children) {
  const element = document.createElementNS(SVG, tag);
  if (props) assign(element, props);
  fill(element, children);
  return element;
}

/** The address of an asset, of the same version as this page. @param {string} path */
export function asset(path) {
  return new URL(`../../${path}`, import.meta.url).href;
}

let idCount = 0;
/** An id that is unique in this document. @param {string} prefix */
export function uid(prefix) {
  idCount += 1;
  return `${prefix}-${idCount}`;
}

/** Announces text to screen readers, once. @param {string} text */
export function announce(text) {
  const live = document.getElementById('live');
  if (!live) return;
  live.textContent = '';
  requestAnimationFrame(() => {
    live.textContent = text;
  });
}

/** Whether the player's system asks for reduced motion. */
export function reducedMotion() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** Saves text as a file on the player's disk. @param {string} name @param {string} type @param {string} text */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
