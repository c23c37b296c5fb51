// The service worker. It keeps two things: assets of its own version, whose content never changes, and the page that
// says that the casino can't be reached. Everything else goes to the casino each time, so that no page, balance or
// figure is ever an old one. The casino writes the version into this file, so a new version is a new worker.

const BASE = '/assets/'; // becomes /assets/VERSION/
const CACHE = `imperio ${BASE}`;
const OFFLINE = '/offline';

/** What the offline page needs. */
const NEEDED = [
  OFFLINE,
  ...[
    'css/imperio.css',
    'css/offline.css',
    'js/app/early.js',
    'js/app/offline.js',
    'img/logo.svg',
    'img/favicon.svg',
    'font/cinzel-600.woff2',
  ].map((name) => BASE + name),
];

self.addEventListener('install', (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      await cache.addAll(NEEDED.map((path) => new Request(path, { cache: 'no-cache' })));
      await self.skipWaiting(); // pages of an older version get their assets from the casino
    })(),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith(BASE)) event.respondWith(asset(request));
  else if (request.mode === 'navigate') event.respondWith(page(request));
});

/** An asset of this version, from the cache if it is there. */
async function asset(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.status === 200) await cache.put(request.url, answer.clone()).catch(() => {}); // the disk may be full
  return answer;
}

/** A page from the casino. Only where no answer comes at all, the page that says so. */
async function page(request) {
  try {
    return await fetch(request);
  } catch {
    return (await (await caches.open(CACHE)).match(OFFLINE)) ?? Response.error();
  }
}
