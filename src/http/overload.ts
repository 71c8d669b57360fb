/** Refuses requests beyond the server's capacity, where it can before anything of them is read. */
import { errorCodes } from '../errors.ts'
import { monotonicMs } from '../lib/time.ts'
import type { Log } from '../log.ts'
import { namedErrorResponse, RefusedError } from './error-response.ts'
import type { HttpRequest, HttpResponse, Refusal } from './message.ts'
import { headersFor } from './policy.ts'
import type { CorsPolicy } from './policy.ts'

export interface GateOptions {
  readonly concurrency: Concurrency
  /** Pages of its origins may read the refusal. */
  readonly cors: CorsPolicy
  readonly log: Log
  onRefused(): void
}

export interface Gate {
  /** Returns the refusal of a request for which there is no place now, or null. */
  check(request: HttpRequest): HttpResponse | null
  /**
   * Takes a place, which `leave` gives back; throws `RefusedError` at capacity. Call it when the whole request is there:
   * what a caller does slowly, sending or reading, is done without a place.
   */
  enter(request: HttpRequest): PlaceKind
  leave(place: PlaceKind): void
  /** Waits until the request may use the thread; null where it may at once. */
  turn(request: HttpRequest): Promise<undefined> | null
}

const RETRY_AFTER_SECONDS = 1
const LOG_INTERVAL_MS = 1000

// The connection stays open: a new one would cost more than the next refusal.
const overloaded: Refusal = {
  status: 503,
  code: 'OVERLOADED',
  message: errorCodes.OVERLOADED.message,
  headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
  details: { retryable: true, retry_after_ms: RETRY_AFTER_SECONDS * 1000 },
}

export function createGate({ concurrency, cors, log, onRefused }: GateOptions): Gate {
  const turns = createTurns()
  const watch = watchEventLoop(concurrency, turns.waitedMs)
  const logRefusal = createRefusalLog(log, concurrency)

  return {
    check(request) {
      watch()
      if (concurrency.hasPlace(kindOf(request))) return null
      logRefusal()
      onRefused()
      const response = namedErrorResponse(overloaded, request.header)
      return { ...response, headers: { ...headersFor(request.header('origin'), cors), ...response.headers } }
    },
    enter(request) {
      const kind = kindOf(request)
      if (concurrency.acquire(kind)) return kind
      logRefusal()
      throw new RefusedError(overloaded)
    },
    leave: concurrency.release,
    turn: ({ connection }) => turns.wait(connection),
  }
}

function kindOf({ header }: HttpRequest): PlaceKind {
  return header('authorization') === null ? 'anonymous' : 'credential'
}

/**
 * Samples how late timers fire, or how long requests wait for their turn, for as long as requests arrive; an idle
 * server runs no timer.
 */
function watchEventLoop(concurrency: Concurrency, waitedMs: () => number): () => void {
  let timer: NodeJS.Timeout | null = null
  let due = 0
  let active = false

  function start(): void {
    due = monotonicMs() + SAMPLE_INTERVAL_MS
    timer = setTimeout(sample, SAMPLE_INTERVAL_MS).unref()
  }
  function sample(): void {
    concurrency.observe(Math.max(monotonicMs() - due, waitedMs()))
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
    const now = monotonicMs()
    if (now < next) return
    next = now + LOG_INTERVAL_MS
    log.warn({ refused, under_way: concurrency.inFlight, limit: concurrency.limit }, 'at capacity: requests refused')
    refused = 0
  }
}

// How many requests are in flight: a bound by memory and, by the event loop delay, by the one thread.

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
const SAMPLE_INTERVAL_MS = 20
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

// Shares the one thread between connections: requests begin their work in turns of a few milliseconds, between which
// the event loop reads and writes, and each connection has one request before any has its second. A connection that
// sends many requests at once delays itself (docs/promises.md R10).

export interface Turns {
  /** Null: the request may begin at once. */
  wait(connection: object): Promise<undefined> | null
  /** Milliseconds for which the longest waiting request has waited. */
  waitedMs(): number
}

interface Waiter {
  readonly since: number
  begin(value: undefined): void
}

/** Milliseconds of work between two turns of the event loop. */
const SLICE_MS = 10

/** A slice is a time and not a turn of the event loop, which costs a request as much as a system call to be told of. */
function createTurns(sliceMs: number = SLICE_MS): Turns {
  /** The first connection is the next; one with more requests goes to the end. */
  const queues = new Map<object, Waiter[]>()
  let endsAt = -Infinity
  let isTurnDue = false
  let isStepping = false

  /** What waits begins after the event loop has read and written. */
  function awaitTurn(): void {
    if (isTurnDue) return
    isTurnDue = true
    setImmediate(nextSlice)
  }

  function nextSlice(): void {
    isTurnDue = false
    endsAt = monotonicMs() + sliceMs
    step()
  }

  /** Begins one request; what it does until it waits for something is over when the next tick comes. */
  function step(): void {
    isStepping = false
    if (queues.size === 0) return
    if (monotonicMs() >= endsAt) {
      awaitTurn()
      return
    }
    takeNext()?.begin(undefined)
    if (queues.size === 0) return
    isStepping = true
    process.nextTick(step)
  }

  function takeNext(): Waiter | null {
    for (const [connection, [waiter, ...others]] of queues) {
      queues.delete(connection)
      if (others.length > 0) queues.set(connection, others)
      return waiter ?? null
    }
    return null
  }

  return {
    wait(connection) {
      if (queues.size === 0 && monotonicMs() < endsAt) return null
      const { promise, resolve } = Promise.withResolvers<undefined>()
      const waiter = { since: monotonicMs(), begin: resolve }
      const queue = queues.get(connection)
      if (queue === undefined) queues.set(connection, [waiter])
      else queue.push(waiter)
      if (!isStepping) awaitTurn()
      return promise
    },
    waitedMs() {
      let oldest = Infinity
      for (const [first] of queues.values()) oldest = Math.min(oldest, first?.since ?? Infinity)
      return oldest === Infinity ? 0 : monotonicMs() - oldest
    },
  }
}
