/** Refuses requests beyond the server's capacity before anything of them is read, so that a refusal costs little. */
import { errorCodes } from '../errors.ts'
import type { Log } from '../log.ts'
import { errorResponse } from './error-response.ts'
import type { HttpHandler } from './message.ts'
import { headersFor, isProbe } from './policy.ts'

export interface ShedOptions {
  readonly concurrency: Concurrency
  /** Origins whose pages may read the refusal. */
  readonly origins: readonly string[]
  readonly log: Log
  onRefused(): void
}

const RETRY_AFTER_SECONDS = 1
const LOG_INTERVAL_MS = 1000
const SAMPLE_INTERVAL_MS = 20

// The connection stays open: a new one would cost more than the next refusal.
const refusal = errorResponse({
  status: 503,
  code: 'OVERLOADED',
  message: errorCodes.OVERLOADED.message,
  headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
  details: { retryable: true, retry_after_ms: RETRY_AFTER_SECONDS * 1000 },
})

/** The handler behind a limit on the requests in flight; health probes always pass. */
export function shedLoad(handle: HttpHandler, { concurrency, origins, log, onRefused }: ShedOptions): HttpHandler {
  const watch = watchEventLoop(concurrency)
  const logRefusal = createRefusalLog(log, concurrency)
  return (request) => {
    if (isProbe(request)) return handle(request)
    watch()
    if (!concurrency.acquire()) {
      logRefusal()
      onRefused()
      const headers = { ...headersFor(request.header('origin'), origins), ...refusal.headers }
      return Promise.resolve({ ...refusal, headers })
    }
    request.onClose(concurrency.release)
    return handle(request)
  }
}

/** Samples how late timers fire for as long as requests arrive; an idle server runs no timer. */
function watchEventLoop(concurrency: Concurrency): () => void {
  let timer: NodeJS.Timeout | null = null
  let due = 0
  let active = false

  function start(): void {
    due = performance.now() + SAMPLE_INTERVAL_MS
    timer = setTimeout(sample, SAMPLE_INTERVAL_MS).unref()
  }
  function sample(): void {
    concurrency.observe(performance.now() - due)
    if (!active && concurrency.inFlight === 0) timer = null
    else start()
    active = false
  }
  return () => {
    active = true
    if (timer === null) start()
  }
}

/** Logs at most once a second, so that the log does not add to the overload. */
function createRefusalLog(log: Log, concurrency: Concurrency): () => void {
  let refused = 0
  let next = 0
  return () => {
    refused++
    const now = performance.now()
    if (now < next) return
    next = now + LOG_INTERVAL_MS
    log.warn({ refused, under_way: concurrency.inFlight, limit: concurrency.limit }, 'at capacity: requests refused')
    refused = 0
  }
}

/** The parts of `limits` that bound how many requests are in flight. */
export interface ConcurrencyOptions {
  /** Requests in flight at most, however late the event loop is. */
  readonly concurrent_requests: number
  /** Milliseconds of lasting event loop delay beyond which the limit shrinks; 0 disables that. */
  readonly loop_delay_ms: number
}

export interface Concurrency {
  /** Takes a place; false at capacity. */
  acquire(): boolean
  release(): void
  /** Takes one sample of the event loop delay, in milliseconds. */
  observe(delayMs: number): void
  readonly inFlight: number
  readonly limit: number
}

/** Samples per window. The minimum counts: a GC pause delays one sample, a real queue delays all of them. */
const WINDOW = 5
/** Late windows in a row that a burst may cause without a smaller limit. */
const PATIENCE = 4
/** The limit never shrinks below this because of the event loop. */
const FLOOR = 64
const SHRINK = 0.9
const GROW = 1.1

/**
 * Limits the requests in flight by two resources: memory, which every request that waits for a slow platform takes, by
 * a fixed number; the one thread, by the event loop delay. By Little's law requests beyond what the thread can serve
 * only wait, and make all others wait (docs/promises.md R10). A slow platform leaves the event loop on time and is no
 * overload.
 *
 * Own code: cockatiel's bulkhead has a fixed limit, and limiters on npm that follow latency take a slow platform for
 * an overload, because latency is all that they measure.
 */
export function createConcurrency({
  concurrent_requests: max,
  loop_delay_ms: maxDelayMs,
}: ConcurrencyOptions): Concurrency {
  const floor = Math.min(FLOOR, max)
  let inFlight = 0
  let limit = max
  let samples = 0
  let least = Infinity
  let lateWindows = 0

  function endWindow(): void {
    // With so few requests in flight it is something else that delays the event loop.
    lateWindows = least > maxDelayMs && inFlight > floor ? lateWindows + 1 : 0
    if (lateWindows > PATIENCE) limit = Math.max(floor, Math.floor(Math.min(limit, inFlight) * SHRINK))
    else if (lateWindows === 0) limit = Math.min(max, Math.ceil(limit * GROW))
    samples = 0
    least = Infinity
  }

  return {
    acquire() {
      if (inFlight >= limit) return false
      inFlight++
      return true
    },
    release() {
      inFlight--
    },
    observe(delayMs) {
      if (maxDelayMs === 0) return
      least = Math.min(least, delayMs)
      samples++
      if (samples === WINDOW) endWindow()
    },
    get inFlight() {
      return inFlight
    },
    get limit() {
      return limit
    },
  }
}
