/** Refuses requests beyond capacity before anything is read of them, so that a refusal costs next to nothing. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { errorCodes } from '../errors.ts'
import type { Log } from '../log.ts'
import { corsHeaders, isProbe, responseHeaders } from './policy.ts'

export interface ShedOptions {
  readonly concurrency: Concurrency
  /** Origins whose pages may read the refusal. */
  readonly origins: readonly string[]
  readonly log: Log
  onRefused(): void
}

const RETRY_AFTER_SECONDS = 1
const LOG_EVERY_MS = 1000
const READ_EVERY_MS = 20

const body = JSON.stringify({
  errors: [
    {
      message: errorCodes.OVERLOADED.message,
      extensions: { code: 'OVERLOADED', retryable: true, retry_after_ms: RETRY_AFTER_SECONDS * 1000 },
    },
  ],
})

/** The handler behind a bound on the requests under way; health probes always get through. */
export function shedLoad(handler: RequestListener, options: ShedOptions): RequestListener {
  const { concurrency, origins, log, onRefused } = options
  const watch = watchLoop(concurrency)
  const noteRefusal = createNote(log, concurrency)
  return (request, response) => {
    if (isProbe(request.method, pathOf(request))) {
      handler(request, response)
      return
    }
    watch()
    if (!concurrency.enter()) {
      noteRefusal()
      onRefused()
      refuse(request, response, origins)
      return
    }
    response.once('close', concurrency.leave)
    handler(request, response)
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** The connection stays open: to make a new one would cost more than the next refusal. */
function refuse({ headers }: IncomingMessage, response: ServerResponse, origins: readonly string[]): void {
  response
    .writeHead(503, {
      ...responseHeaders,
      ...corsHeaders(headers.origin ?? null, origins),
      'content-type': 'application/json; charset=utf-8',
      'retry-after': String(RETRY_AFTER_SECONDS),
    })
    .end(body)
}

/** Reads how late timers are, for as long as requests come; an idle server has no timer. */
function watchLoop(concurrency: Concurrency): () => void {
  let timer: NodeJS.Timeout | undefined
  let due = 0
  let seen = false

  function start(): void {
    due = performance.now() + READ_EVERY_MS
    timer = setTimeout(read, READ_EVERY_MS).unref()
  }
  function read(): void {
    concurrency.observe(performance.now() - due)
    if (!seen && concurrency.under_way === 0) timer = undefined
    else start()
    seen = false
  }
  return () => {
    seen = true
    if (timer === undefined) start()
  }
}

/** One line a second at most: the log is no second overload. */
function createNote(log: Log, concurrency: Concurrency): () => void {
  let refused = 0
  let next = 0
  return () => {
    refused++
    const now = performance.now()
    if (now < next) return
    next = now + LOG_EVERY_MS
    log.warn({ refused, under_way: concurrency.under_way, limit: concurrency.limit }, 'at capacity: requests refused')
    refused = 0
  }
}

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
