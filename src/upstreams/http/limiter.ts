/**
 * Decides when a request to an upstream may start: bounded concurrency, the rate limit of its credential, and the time
 * for which the platform asked to be left alone. A request that cannot start before its deadline is refused at once
 * (docs/promises.md R7).
 */

export interface LimiterOptions {
  /** How many requests may be in flight at the same time. */
  readonly concurrency: number
  /** null: the platform states no limit. */
  readonly rate: RateOptions | null
  /** Makes the error for a request that would have to wait for so many milliseconds. */
  refuse(waitMs: number): Error
  /** Makes the error for a request whose turn comes when its time is over. */
  expire(): Error
}

export interface Turn {
  /** Viewers are served in turn. */
  readonly viewer: string
  readonly signal: AbortSignal
  /** Milliseconds on the clock of `performance.now()`; it may move while the request waits. */
  deadline(): number
}

/** Called when the request is over; `sent: false`: the platform never received it. */
export type Release = (sent: boolean) => void

export interface Limiter {
  /** Resolves when the request may start. Rejects with what `refuse` or `expire` make, or with the signal's reason. */
  acquire(turn: Turn): Promise<Release>
  /** Starts nothing for so many milliseconds. */
  block(ms: number): void
  state(): LimiterState
}

export interface LimiterState {
  readonly queued: number
  readonly inFlight: number
  /** Milliseconds for which the platform still asks to be left alone. */
  readonly blockedMs: number
}

interface Waiter extends Turn {
  resolve(release: Release): void
  reject(reason: Error): void
}

/** Milliseconds before its deadline at which a request that others pushed back is refused. */
const NOTICE_MS = 20
/** With fewer milliseconds left nothing is sent: no platform answers so fast, and the request before it just timed out. */
const LEAST_MS = 5

export function createLimiter({ concurrency, rate, refuse, expire }: LimiterOptions): Limiter {
  const queue = createFairQueue<Waiter>()
  const window = rate && createRateWindow(rate)
  let inFlight = 0
  let blockedUntil = 0
  let timer: NodeJS.Timeout | undefined

  /** When the rate limit lets a request start that has `position` requests before it. */
  function startOf(position: number, now: number): number {
    return Math.max(blockedUntil, window?.startOf(position, now) ?? now)
  }

  function start(): Release {
    inFlight++
    window?.acquire()
    let isReleased = false
    return (sent) => {
      if (isReleased) return
      isReleased = true
      inFlight--
      window?.release(performance.now(), sent)
      pump()
    }
  }

  /** Starts every request that may start now, and sets a timer for the next one. */
  function pump(): void {
    clearTimeout(timer)
    while (queue.size > 0 && inFlight < concurrency) {
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

  async function wait(turn: Turn): Promise<Release> {
    const { promise, resolve, reject } = Promise.withResolvers<Release>()
    const waiter = { ...turn, resolve, reject }
    const { viewer, signal } = turn
    const onAbort = (): void => {
      queue.delete(viewer, waiter)
      reject(signal.reason as Error)
    }
    let notice: NodeJS.Timeout | undefined
    const watch = (): void => {
      const now = performance.now()
      const left = turn.deadline() - NOTICE_MS - now
      const at = startOf(0, now)
      if (left > 0) notice = setTimeout(watch, Math.ceil(left)).unref()
      // Where only the concurrency is in the way, the platform is slow: the deadline reports that.
      else if (at > now) {
        queue.delete(viewer, waiter)
        reject(refuse(at - now))
      }
    }
    signal.addEventListener('abort', onAbort, { once: true })
    queue.push(viewer, waiter)
    watch()
    pump()
    try {
      return await promise
    } finally {
      clearTimeout(notice)
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    async acquire(turn) {
      turn.signal.throwIfAborted()
      const now = performance.now()
      const at = startOf(window === null ? 0 : queue.ahead(turn.viewer), now)
      if (at > turn.deadline()) throw refuse(at - now)
      return queue.size === 0 && inFlight < concurrency && at <= now ? start() : wait(turn)
    },
    block(ms) {
      const now = performance.now()
      if (now + ms <= blockedUntil) return
      blockedUntil = now + ms
      for (const waiter of queue) {
        if (waiter.deadline() >= blockedUntil) continue
        queue.delete(waiter.viewer, waiter)
        waiter.reject(refuse(ms))
      }
    },
    state() {
      return { queued: queue.size, inFlight, blockedMs: Math.max(0, Math.ceil(blockedUntil - performance.now())) }
    },
  }
}

/** So many requests in any span of so many seconds. */
export interface RateOptions {
  readonly requests: number
  readonly perSeconds: number
}

/** All times are milliseconds of one monotonic clock. */
export interface RateWindow {
  /** The earliest start of a request with `position` requests before it; `now` where it can start at once. */
  startOf(position: number, now: number): number
  acquire(): void
  /** The request is over; `sent: false` gives its slot back as if it had never been taken. */
  release(now: number, sent: boolean): void
}

/** A thousandth of the span, for clocks that do not run at the same speed (NTP slews by up to 500 ppm). */
const MARGIN = 1.001

/**
 * A strict sliding window: in any span of `perSeconds`, wherever it begins, the platform receives at most `requests`
 * requests from this process.
 *
 * To count what is sent is not enough: a request that was slow on its way arrives together with later ones. A slot is
 * therefore held from before the request is sent until `perSeconds` after its answer. Of the requests that arrive in
 * one span, all others still hold their slots when the last of them is sent, so there can be no more of them than
 * slots. The price is one round trip per span.
 *
 * Own code: cockatiel has no rate limit, and the limiters on npm count by fixed windows or token buckets, which let up
 * to twice the limit through around a boundary, or hold no slot for a request in flight; none tells when a request can
 * start.
 */
export function createRateWindow({ requests, perSeconds }: RateOptions): RateWindow {
  const span = perSeconds * 1000 * MARGIN
  /** When slots become free, in order, because requests are released in order of time. */
  const freed: number[] = []
  let inFlight = 0

  function forget(now: number): void {
    let over = 0
    while (over < freed.length && (freed[over] ?? 0) <= now) over++
    if (over > 0) freed.splice(0, over)
  }

  return {
    startOf(position, now) {
      forget(now)
      const free = requests - inFlight - freed.length
      // Every slot serves one request in each span.
      const rounds = Math.floor(position / requests)
      const slot = position % requests
      // In-flight requests hold their slot for at least one full span.
      const first = slot < free ? now : (freed[slot - free] ?? now + span)
      return first + rounds * span
    },
    acquire() {
      inFlight++
    },
    release(now, sent) {
      inFlight--
      if (sent) freed.push(now + span)
    },
  }
}

export interface FairQueue<T> {
  readonly size: number
  push(viewer: string, item: T): void
  /** Removes and returns the next item; undefined where the queue is empty. */
  shift(): T | undefined
  delete(viewer: string, item: T): void
  /** How many of the queued items would come before a new item of this viewer. */
  ahead(viewer: string): number
  [Symbol.iterator](): Iterator<T>
}

/**
 * A queue that serves its viewers in turn: a thousand keys of one viewer do not delay the one key of another. Own code,
 * because bulkheads and task queues on npm serve in order of arrival or by priority.
 */
export function createFairQueue<T>(): FairQueue<T> {
  /** In the order of turns: a Map keeps the order of insertion. */
  const turns = new Map<string, Set<T>>()
  let size = 0

  function take(viewer: string, items: Set<T>, item: T): void {
    if (!items.delete(item)) return
    size--
    if (items.size === 0) turns.delete(viewer)
  }

  return {
    get size() {
      return size
    },
    push(viewer, item) {
      const items = turns.get(viewer) ?? new Set()
      turns.set(viewer, items.add(item))
      size++
    },
    shift() {
      for (const [viewer, items] of turns) {
        const [item] = items
        if (item === undefined) continue
        turns.delete(viewer)
        turns.set(viewer, items)
        take(viewer, items, item)
        return item
      }
      return undefined
    },
    delete(viewer, item) {
      const items = turns.get(viewer)
      if (items !== undefined) take(viewer, items, item)
    },
    ahead(viewer) {
      const own = turns.get(viewer)?.size ?? 0
      // A viewer whose turn comes earlier is served once more before the new item than one whose turn comes later.
      let rounds = own + 1
      let before = own
      for (const [other, { size: waiting }] of turns) {
        if (other === viewer) rounds = own
        else before += Math.min(waiting, rounds)
      }
      return before
    },
    *[Symbol.iterator]() {
      for (const items of turns.values()) yield* items
    },
  }
}
