/** How many requests are in flight: a bound by memory and, by the event loop delay, by the one thread. */

/** The parts of `limits` that bound how many requests are in flight. */
export interface ConcurrencyOptions {
  /** Requests in flight at most, however late the event loop is. */
  readonly concurrent_requests: number
  /** Milliseconds of lasting event loop delay beyond which the limit shrinks; 0 disables that. */
  readonly loop_delay_ms: number
}

/** A request without credentials is anonymous before anything of it is checked. */
export type PlaceKind = 'anonymous' | 'credential'

export interface Concurrency {
  /** Whether `acquire` would take a place. */
  hasPlace(kind: PlaceKind): boolean
  /** Takes a place; false at capacity. */
  acquire(kind?: PlaceKind): boolean
  release(kind?: PlaceKind): void
  /** Takes one sample of the event loop delay, in milliseconds. It covers the delay and the time between samples. */
  observe(delayMs: number): void
  readonly inFlight: number
  readonly limit: number
}

/** Milliseconds between two samples. */
export const SAMPLE_INTERVAL_MS = 20
/** Milliseconds of a window, of which the least delay counts: a short pause delays one sample, a queue all of them. */
const WINDOW_MS = 100
/** Milliseconds of delay that a burst or a pause of the garbage collector may cause without a smaller limit. */
const PATIENCE_MS = 400
/** The limit never shrinks below this because of the event loop. */
const FLOOR = 64
/** For each late window. */
const SHRINK = 0.9
/** A single sample, however late, shrinks the limit to this part at most: the machine may have stopped, once. */
const SHRINK_AT_ONCE = 0.5
const GROW = 1.1
/** The part of the limit that anonymous callers together may take: they can read nothing, and anybody can be one. */
const ANONYMOUS_SHARE = 0.25

/**
 * Limits the requests in flight by two resources: memory, which every request that waits for a slow platform takes, by
 * a fixed number; the one thread, by the event loop delay. By Little's law requests beyond what the thread can serve
 * only wait, and make all others wait (docs/promises.md R10). A slow platform leaves the event loop on time and is no
 * overload. Delay counts by its time and not by its samples, of which an overload leaves fewer.
 *
 * Own code: cockatiel's bulkhead has a fixed limit, and limiters on npm that follow latency take a slow platform for
 * an overload, because latency is all that they measure.
 */
export function createConcurrency({
  concurrent_requests: max,
  loop_delay_ms: maxDelayMs,
}: ConcurrencyOptions): Concurrency {
  const floor = Math.min(FLOOR, max)
  const inFlight: Record<PlaceKind, number> = { anonymous: 0, credential: 0 }
  let limit = max
  let windowMs = 0
  let least = Infinity
  let lateMs = 0

  const total = (): number => inFlight.anonymous + inFlight.credential

  function endWindow(): void {
    // With so few requests in flight it is something else that delays the event loop.
    lateMs = least > maxDelayMs && total() > floor ? lateMs + windowMs : 0
    const excessMs = Math.min(windowMs, lateMs - PATIENCE_MS)
    if (excessMs > 0) {
      const factor = Math.max(SHRINK_AT_ONCE, SHRINK ** Math.max(1, excessMs / WINDOW_MS))
      limit = Math.max(floor, Math.floor(Math.min(limit, total()) * factor))
    } else if (lateMs === 0) limit = Math.min(max, Math.ceil(limit * GROW))
    windowMs = 0
    least = Infinity
  }

  function hasPlace(kind: PlaceKind): boolean {
    if (total() >= limit) return false
    return kind !== 'anonymous' || inFlight.anonymous < Math.max(1, Math.floor(limit * ANONYMOUS_SHARE))
  }

  return {
    hasPlace,
    acquire(kind = 'credential') {
      if (!hasPlace(kind)) return false
      inFlight[kind]++
      return true
    },
    release(kind = 'credential') {
      inFlight[kind]--
    },
    observe(delayMs) {
      if (maxDelayMs === 0) return
      least = Math.min(least, delayMs)
      windowMs += SAMPLE_INTERVAL_MS + delayMs
      if (windowMs >= WINDOW_MS) endWindow()
    },
    get inFlight() {
      return total()
    },
    get limit() {
      return limit
    },
  }
}
