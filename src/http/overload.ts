/** Refuses requests beyond the server's capacity, where it can before anything of them is read. */
import { errorCodes } from '../errors.ts'
import { monotonicMs } from '../lib/clock.ts'
import type { Log } from '../log.ts'
import { SAMPLE_INTERVAL_MS } from './concurrency.ts'
import type { Concurrency, PlaceKind } from './concurrency.ts'
import { errorResponse, RefusedError } from './error-response.ts'
import type { Refusal } from './error-response.ts'
import type { HttpRequest, HttpResponse } from './message.ts'
import { headersFor } from './policy.ts'
import type { CorsPolicy } from './policy.ts'
import { createTurns } from './turns.ts'

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
   * Holds a place while `work` runs; throws `RefusedError` at capacity. Call it when the whole request is there: what a
   * caller does slowly, sending or reading, is done without a place.
   */
  run<T>(request: HttpRequest, work: () => Promise<T>): Promise<T>
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
      const response = errorResponse(overloaded, request.header('accept'))
      return { ...response, headers: { ...headersFor(request.header('origin'), cors), ...response.headers } }
    },
    async run(request, work) {
      const kind = kindOf(request)
      if (!concurrency.acquire(kind)) {
        logRefusal()
        throw new RefusedError(overloaded)
      }
      try {
        return await work()
      } finally {
        concurrency.release(kind)
      }
    },
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
