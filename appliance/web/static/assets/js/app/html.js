// Templates: a page states what is there, and lit-html changes what differs. Values are always text, never markup.
import { Directive, PartType, directive } from '../vendor/directive.js';
import { noChange } from '../vendor/lit-html.js';

export { html, svg, render, nothing } from '../vendor/lit-html.js';
export { repeat } from '../vendor/directives/repeat.js';
export { live } from '../vendor/directives/live.js';

class Vars extends Directive {
  /** @param {import('../vendor/directive.js').PartInfo} part */
  constructor(part) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error('vars() stands alone in a tag');
  }

  /** @param {Record<string, string|number>} _ */
  render(_) {
    return noChange;
  }

  /** @param {any} part @param {[Record<string, string|number>]} values */
  update(part, [values]) {
    for (const [name, value] of Object.entries(values)) part.element.style.setProperty(`--${name}`, String(value));
    return noChange;
  }
}

/**
 * CSS custom properties of an element: `<div ${vars({ x: 1 })}>`. A style attribute would not do: the pages' security
 * policy forbids it.
 */
export const vars = directive(Vars);
