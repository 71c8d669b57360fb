/**
 * The two clocks. Durations (ages, time limits, rates) run on the monotonic clock, which no operator, NTP or leap second
 * moves. The wall clock answers one question: how does an absolute time of another system (`exp`, `expires_at`, an HTTP
 * date) compare with now? The linter refuses `Date.now()` and `new Date()` elsewhere in `src`.
 */

/** Milliseconds, with fractions, since the process began. */
export function monotonicMs(): number {
  return performance.now()
}

/** Milliseconds since 1970 by the wall clock, which may jump in both directions. */
export function unixMs(): number {
  return Date.now()
}

/** Whole seconds since 1970 by the wall clock. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** ISO 8601 in UTC, with milliseconds, by the wall clock. */
export function isoNow(): string {
  return new Date().toISOString()
}
