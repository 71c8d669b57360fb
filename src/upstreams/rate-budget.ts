/**
 * A strict sliding window: in any span of `per_seconds`, whichever way it is laid, the platform receives at most
 * `requests` requests of ours.
 *
 * Counting what we send is not enough: a request that was slow on its way arrives together with later ones. A place
 * is therefore held from before the request is sent until `per_seconds` after its answer. Of the requests that arrive
 * in one span, all others still hold their places when the last of them is sent, so there can be no more of them than
 * places. The price is one round trip per span.
 *
 * Own code: cockatiel has no rate limit, and the limiters on npm count by fixed windows or token buckets, which let up to
 * twice the limit through around a boundary, or hold no place for a request on its way; none says when a request can start.
 */

export interface RateOptions {
  readonly requests: number
  readonly per_seconds: number
}

/** All times are milliseconds of one monotonic clock. */
export interface RateWindow {
  /** When the request with so many before it can start, at the earliest; `now` when it can at once. */
  startOf(position: number, now: number): number
  enter(): void
  /** The request is over; `sent: false` gives the place back as if it had never been taken. */
  leave(now: number, sent: boolean): void
}

/** A thousandth of the span, for clocks that do not run at the same speed (NTP slews by up to 500 ppm). */
const MARGIN = 1.001

export function createRateWindow({ requests, per_seconds }: RateOptions): RateWindow {
  const span = per_seconds * 1000 * MARGIN
  /** When places become free, in order, because requests leave in order of time. */
  const freed: number[] = []
  let under_way = 0

  function forget(now: number): void {
    let over = 0
    while (over < freed.length && (freed[over] ?? 0) <= now) over++
    if (over > 0) freed.splice(0, over)
  }

  return {
    startOf(position, now) {
      forget(now)
      const free = requests - under_way - freed.length
      // Every place serves one request in each span.
      const rounds = Math.floor(position / requests)
      const place = position % requests
      // Nobody knows when one that is under way ends; its place is taken for a span at least.
      const first = place < free ? now : (freed[place - free] ?? now + span)
      return first + rounds * span
    },
    enter() {
      under_way++
    },
    leave(now, sent) {
      under_way--
      if (sent) freed.push(now + span)
    },
  }
}
