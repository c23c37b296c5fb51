// The casino's API. Every answer is either the JSON, or an ApiError with a stable code.
import { emit } from './events.js';

export class ApiError extends Error {
  /**
   * @param {number} status 0 where no answer came
   * @param {string} code
   * @param {Record<string, any>} [problem]
   */
  constructor(status, code, problem = {}) {
    super(`${status} ${code}`);
    this.status = status;
    this.code = code;
    this.problem = problem;
  }

  /** Seconds to wait before asking again, or 0. */
  get retryAfter() {
    return Number(this.problem.retry_after ?? 0);
  }

  /** Whether it is unknown if the request was carried out. */
  get unknown() {
    return (
      this.status === 0 ||
      this.code === 'outcome_unknown' ||
      this.status === 502 ||
      this.status === 504 ||
      (this.status >= 500 && this.code === 'no_code')
    );
  }
}

/**
 * @param {string} method
 * @param {string} path under /api/v1
 * @param {{body?: any, key?: string, timeout?: number}} [options]
 * @returns {Promise<any>}
 */
export async function call(method, path, options = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json' };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.key) headers['Idempotency-Key'] = options.key;
  let answer;
  let text;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method,
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: AbortSignal.timeout(options.timeout ?? 15_000),
    });
    text = await answer.text();
  } catch {
    emit('unanswered');
    throw new ApiError(0, 'offline');
  }
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    /* a page from something between us and the casino */
  }
  if (answer.ok) {
    emit('answered');
    return data;
  }
  const error = new ApiError(answer.status, data?.code ?? 'no_code', {
    ...data,
    retry_after: data?.retry_after ?? Number(answer.headers.get('Retry-After') ?? 0),
  });
  emit(error.unknown ? 'unanswered' : 'answered');
  if (error.code === 'unauthenticated') emit('refused-session');
  throw error;
}

/**
 * Sends a request, and retries it when the casino says to slow down.
 * @template T
 * @param {() => Promise<T>} ask
 */
async function patiently(ask) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 429 || tries === 4 || error.retryAfter > 5) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, Math.max(1, error.retryAfter) * 1000);
      });
    }
  }
}

/** @param {string} path */
export const get = (path) => patiently(() => call('GET', path));
/** @param {string} path @param {any} body @param {string} [key] */
export const post = (path, body, key) => call('POST', path, { body, key });
/** @param {string} path @param {any} body */
export const put = (path, body) => call('PUT', path, { body });
/** @param {string} path */
export const remove = (path) => patiently(() => call('DELETE', path));

/** A query string of the values that are set. @param {Record<string, string|number|null|undefined>} values */
export function query(values) {
  const set = Object.entries(values)
    .filter(([, v]) => v !== null && v !== undefined && v !== '')
    .map(([k, v]) => [k, String(v)]);
  return set.length ? `?${new URLSearchParams(set)}` : '';
}
