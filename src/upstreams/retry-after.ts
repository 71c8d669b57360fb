/** The `Retry-After` header (RFC 9110 section 10.2.3). */

/** Milliseconds to wait where the platform does not say it in a way that we understand. */
const DEFAULT_MS = 1000
/** Milliseconds; no platform documents a longer block, and a caller should not be told to wait for ever. */
const MAX_MS = 3_600_000

const wholeSeconds = /^-?\d{1,15}$/
// Only the form that RFC 9110 section 5.6.7 lets a sender produce: Date.parse alone reads "-5" as a month.
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** Milliseconds from `nowMs` (Unix milliseconds) that the header asks to wait, within 0 and one hour. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number {
  const text = value?.trim() ?? ''
  if (wholeSeconds.test(text)) return bound(Number(text) * 1000)
  const at = httpDate.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(at) ? DEFAULT_MS : bound(at - nowMs)
}

function bound(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_MS)
}
