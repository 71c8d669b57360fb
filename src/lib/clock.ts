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

/**
 * The same clock, read once in each tick of the event loop: an operation may ask for the time of a thousand keys. It is late
 * by as long as the tick takes.
 */
export function oncePerTick(read: () => number): () => number {
  let value: number | null = null
  const forget = (): void => {
    value = null
  }
  return () => {
    if (value === null) {
      value = read()
      process.nextTick(forget)
    }
    return value
  }
}

/** ISO 8601 in UTC, with milliseconds, by the wall clock. */
export function isoNow(): string {
  const now = Date.now()
  if (now !== written.ms) written = { ms: now, text: new Date(now).toISOString() }
  return written.text
}

/** The text of the last millisecond that was asked for: many requests share one. */
let written = { ms: 0, text: '' }
