/**
 * How many requests may be under way at the same time. Two things are in short supply: memory, which each request that
 * waits for a slow platform takes, and the one thread. The first is a fixed number. For the second the limit follows
 * how late the event loop is: by Little's law whatever is under way beyond what the thread can serve only waits, and
 * makes everybody wait (TRUST R10). A slow platform alone leaves the loop on time, and is no overload.
 *
 * Own code: cockatiel's bulkhead knows a fixed number; the limiters on npm that follow latency take a slow platform
 * for overload, because latency is all that they see.
 */

export interface ConcurrencyOptions {
  /** Requests under way at most, whatever the loop says. */
  readonly concurrent_requests: number
  /** Milliseconds that the loop may be late all the time; 0: it is not looked at. */
  readonly loop_delay_ms: number
}

export interface Concurrency {
  /** Takes a place; false: at capacity. */
  enter(): boolean
  leave(): void
  /** One reading of how late the event loop is, in milliseconds. */
  observe(late_ms: number): void
  readonly under_way: number
  readonly limit: number
}

/** Readings of which the least decides: a pause for garbage or for another process is no queue, a queue is always there. */
const WINDOW = 5
/** Windows in a row that a burst may last. */
const PATIENCE = 4
/** So few are never refused because of the loop. */
const FLOOR = 64
const SHRINK = 0.9
const GROW = 1.1

export function createConcurrency({ concurrent_requests: max, loop_delay_ms }: ConcurrencyOptions): Concurrency {
  const floor = Math.min(FLOOR, max)
  let under_way = 0
  let limit = max
  let readings = 0
  let least = Infinity
  let lateWindows = 0

  function endWindow(): void {
    // Where so little is under way, it is something else that keeps the loop.
    lateWindows = least > loop_delay_ms && under_way > floor ? lateWindows + 1 : 0
    if (lateWindows > PATIENCE) limit = Math.max(floor, Math.floor(Math.min(limit, under_way) * SHRINK))
    else if (lateWindows === 0) limit = Math.min(max, Math.ceil(limit * GROW))
    readings = 0
    least = Infinity
  }

  return {
    enter() {
      if (under_way >= limit) return false
      under_way++
      return true
    },
    leave() {
      under_way--
    },
    observe(late_ms) {
      if (loop_delay_ms === 0) return
      least = Math.min(least, late_ms)
      readings++
      if (readings === WINDOW) endWindow()
    },
    get under_way() {
      return under_way
    },
    get limit() {
      return limit
    },
  }
}
