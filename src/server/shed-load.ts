/** Refuses requests beyond capacity before anything is read of them, so that a refusal costs next to nothing. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { errorCodes } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Concurrency } from './concurrency.ts'
import { corsHeaders, isProbe, responseHeaders } from './http-policy.ts'

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
