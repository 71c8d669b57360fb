/** How long a platform asks us to wait: `Retry-After` (RFC 9110 section 10.2.3) and the headers used in its place. */

/** Milliseconds to wait where the platform does not say it in a way that we understand. */
const DEFAULT_MS = 1000
/** Milliseconds; no platform documents a longer block, and a caller should not be told to wait for ever. */
const MAX_MS = 3_600_000
/** Seconds; a smaller reset is a span and not a time (which would be in 2001). */
const FIRST_EPOCH = 1e9

const wholeSeconds = /^-?\d{1,15}$/
// Only the form that RFC 9110 section 5.6.7 lets a sender produce: Date.parse alone reads "-5" as a month.
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

type Header = (name: string) => string | undefined

/**
 * Milliseconds that an answer asks to wait, within 0 and one hour; null where it does not say. `nowMs` (Unix
 * milliseconds) counts only where the answer has no `Date`: a time is meant by the platform's clock, not by ours.
 */
export function retryAfterMs(header: Header, nowMs: number): number | null {
  const theirs = parseDate(header('date')) ?? nowMs
  // better-auth sends the second alone, and Auth0 often only the third (upstreams/better-auth.md, auth0.md section 8).
  const said = header('retry-after') ?? header('x-retry-after')
  if (said !== undefined) return parseRetryAfter(said, theirs)
  const reset = header('x-ratelimit-reset')?.trim() ?? ''
  if (!wholeSeconds.test(reset)) return null
  const seconds = Number(reset)
  return bound(seconds < FIRST_EPOCH ? seconds * 1000 : seconds * 1000 - theirs)
}

/** Milliseconds from `nowMs` (Unix milliseconds) that the value of the header asks to wait, within 0 and one hour. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number {
  const text = value?.trim() ?? ''
  if (wholeSeconds.test(text)) return bound(Number(text) * 1000)
  const at = parseDate(text)
  return at === null ? DEFAULT_MS : bound(at - nowMs)
}

/** Milliseconds to wait after a 429, whether it says how long or not. */
export function rateLimitMs(header: Header, nowMs: number): number {
  return retryAfterMs(header, nowMs) ?? DEFAULT_MS
}

/** Unix milliseconds. */
function parseDate(value: string | undefined): number | null {
  const text = value?.trim() ?? ''
  const at = httpDate.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(at) ? null : at
}

function bound(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_MS)
}
