// The pictures that players choose from, as medallions that look the same by day and by night.
import { h, asset } from '../app/dom.js';
import { t } from '../app/i18n.js';

export const AVATARS = /** @type {const} */ ([
  'laurel',
  'cherry',
  'lemon',
  'apple',
  'banana',
  'coin',
  'chip',
  'crown',
  'column',
  'amphora',
  'lyre',
  'owl',
]);

/**
 * A picture that stands beside its player's name, so it has no words of its own. A deleted account has none: then its place is kept.
 * @param {string|null} name
 * @param {number} size in pixels
 */
export function avatar(name, size) {
  return name
    ? h('img', { class: 'avatar', src: asset(`img/avatars/${name}.svg`), alt: '', width: size, height: size })
    : h('span', { class: 'avatar none' });
}

/** @param {string} name */
export function avatarName(name) {
  return t(`avatar.${name}`);
}
