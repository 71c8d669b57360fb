/**
 * When a request to an upstream may start: bounded concurrency, the rate budget of its credential, and the time that
 * the platform asked us to stay away. What cannot start before its deadline is refused at once (TRUST R7).
 */
import { createFairQueue } from './fair-queue.ts'

export interface GateOptions {
  /** How many requests may be under way at the same time. */
  readonly concurrency: number
  /** None: the platform states no limit. */
  readonly rate?: RateOptions | undefined
  /** What a request is refused with that would have to wait for `retry_after_ms` milliseconds. */
  refuse(retry_after_ms: number): Error
  /** What a request is refused with whose turn comes when its time is over. */
  expire(): Error
}

export interface Entry {
  readonly viewer: string
  readonly signal: AbortSignal
  /** Milliseconds on the clock of `performance.now()`; it may move while the request waits. */
  deadline(): number
}

/** Call it once the request is over; `sent: false`: the platform never heard of it. */
export type Leave = (sent: boolean) => void

export interface Gate {
  /** Resolves when the request may start. Rejects with what `refuse` gives, or with the reason of the signal. */
  enter(entry: Entry): Promise<Leave>
  /** Nothing starts for so many milliseconds. */
  block(ms: number): void
  state(): GateState
}

export interface GateState {
  readonly queued: number
  readonly under_way: number
  /** Milliseconds that the platform still asks us to stay away. */
  readonly blocked_ms: number
}

interface Waiter extends Entry {
  resolve(leave: Leave): void
  reject(reason: Error): void
}

/** Milliseconds before its deadline at which a request that others pushed back is refused. */
const NOTICE_MS = 20
/** With less time left nothing is sent: no platform answers so fast, and the one before it just ran out of time, too. */
const LEAST_MS = 5

export function createGate({ concurrency, rate, refuse, expire }: GateOptions): Gate {
  const queue = createFairQueue<Waiter>()
  const window = rate && createRateWindow(rate)
  let under_way = 0
  let blocked_until = 0
  let timer: NodeJS.Timeout | undefined

  /** When the budget lets a request start that has so many before it. */
  function startOf(position: number, now: number): number {
    return Math.max(blocked_until, window?.startOf(position, now) ?? now)
  }

  function start(): Leave {
    under_way++
    window?.enter()
    let left = false
    return (sent) => {
      if (left) return
      left = true
      under_way--
      window?.leave(performance.now(), sent)
      pump()
    }
  }

  /** Starts whatever may start now, and comes back when the next one may. */
  function pump(): void {
    clearTimeout(timer)
    while (queue.size > 0 && under_way < concurrency) {
      const now = performance.now()
      const at = startOf(0, now)
      if (at > now) {
        timer = setTimeout(pump, Math.ceil(at - now)).unref()
        return
      }
      const waiter = queue.shift()
      if (waiter === undefined) return
      if (waiter.deadline() - now < LEAST_MS) waiter.reject(expire())
      else waiter.resolve(start())
    }
  }

  async function wait(entry: Entry): Promise<Leave> {
    const { promise, resolve, reject } = Promise.withResolvers<Leave>()
    const waiter = { ...entry, resolve, reject }
    const { viewer, signal } = entry
    const leave = (): void => {
      queue.delete(viewer, waiter)
      reject(signal.reason as Error)
    }
    let notice: NodeJS.Timeout | undefined
    const watch = (): void => {
      const now = performance.now()
      const left = entry.deadline() - NOTICE_MS - now
      const at = startOf(0, now)
      if (left > 0) notice = setTimeout(watch, Math.ceil(left)).unref()
      // Where only the concurrency is in the way, the platform is slow: that is for the deadline to tell.
      else if (at > now) {
        queue.delete(viewer, waiter)
        reject(refuse(at - now))
      }
    }
    signal.addEventListener('abort', leave, { once: true })
    queue.push(viewer, waiter)
    watch()
    pump()
    try {
      return await promise
    } finally {
      clearTimeout(notice)
      signal.removeEventListener('abort', leave)
    }
  }

  return {
    async enter(entry) {
      entry.signal.throwIfAborted()
      const now = performance.now()
      const at = startOf(window === undefined ? 0 : queue.ahead(entry.viewer), now)
      if (at > entry.deadline()) throw refuse(at - now)
      return queue.size === 0 && under_way < concurrency && at <= now ? start() : wait(entry)
    },
    block(ms) {
      const now = performance.now()
      if (now + ms <= blocked_until) return
      blocked_until = now + ms
      for (const waiter of queue) {
        if (waiter.deadline() >= blocked_until) continue
        queue.delete(waiter.viewer, waiter)
        waiter.reject(refuse(ms))
      }
    },
    state() {
      return { queued: queue.size, under_way, blocked_ms: Math.max(0, Math.ceil(blocked_until - performance.now())) }
    },
  }
}

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
