// Moving between pages without loading them anew. What a page is, routes.js knows; this file knows where the player is.

/**
 * @typedef {object} Arrival how the player comes to a page
 * @property {boolean} moved from another page, so that focus goes to the new one
 * @property {boolean} back to where the player was before, so that the place is restored
 */

/** The scroll position of each entry of the browser's history. @type {Map<number, number>} */
const places = new Map();
/** The entry that is shown. Numbers come from the clock, since entries outlive a reload. */
let entry = Date.now();
/** Shows the page at the current address. @type {(how: Arrival) => Promise<void>} */
let show = async () => {};

/**
 * Takes over the links to pages. Call it once.
 * @param {(path: string) => boolean} isPage
 * @param {(how: Arrival) => Promise<void>} arrive shows the page at the current address
 */
export function startNavigation(isPage, arrive) {
  show = arrive;
  document.addEventListener('click', (event) => {
    const link = /** @type {Element} */ (event.target).closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.target || link.hasAttribute('download') || !isPage(link.pathname))
      return;
    event.preventDefault();
    void navigate(link.pathname + link.search);
  });
  history.scrollRestoration = 'manual'; // the browser would scroll before the page is there
  history.replaceState({ entry }, '');
  addEventListener('popstate', () => {
    places.set(entry, scrollY);
    entry = history.state?.entry;
    void show({ moved: true, back: true });
  });
  return show({ moved: false, back: false });
}

/** Goes to a page of this house. @param {string} path with its query, e.g. "/history?game=slots" */
export async function navigate(path) {
  if (path.startsWith('/sign-in?next=%2Fsign-')) return; // already signing in or up: keep the first destination
  if (path.startsWith('/redirect-')) {
    location.assign(path); // the casino sends the player on, to an older front end
    return;
  }
  if (path !== location.pathname + location.search) {
    places.set(entry, scrollY);
    entry = Date.now();
    history.pushState({ entry }, '', path);
  }
  await show({ moved: true, back: false });
}

/** Shows the current page once more, e.g. when the casino can be reached again. */
export function again() {
  return show({ moved: false, back: false });
}

/** Replaces the current address without going anywhere. @param {string} path */
export function correct(path) {
  history.replaceState(history.state, '', path);
}

/** How far down the player was on the current entry. */
export function placeBefore() {
  return places.get(entry) ?? 0;
}
