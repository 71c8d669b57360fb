/** The time that one request may take: what the operator allows, or less where the caller asks for less (TRUST R9). */
import type { Plugin } from 'graphql-yoga'
import { CodedError } from '../../errors.ts'
import { refuse } from '../../http/error-response.ts'
import type { RequestState } from '../context.ts'

/** Whole milliseconds. */
const HEADER = 'x-request-timeout-ms'
const wholeMilliseconds = /^[1-9]\d{0,8}$/

export function useDeadline(request_timeout_ms: number): Plugin<object, RequestState> {
  return {
    onRequest({ request, serverContext, endResponse }) {
      const asked = request.headers.get(HEADER)
      if (asked !== null && !wholeMilliseconds.test(asked)) {
        const message = `The header ${HEADER} must be a whole number of milliseconds.`
        endResponse(refuse({ status: 400, code: 'BAD_USER_INPUT', message }))
        return
      }
      const began = serverContext.started_at ?? performance.now()
      const allowed = Math.min(asked === null ? Infinity : Number(asked), request_timeout_ms)
      serverContext.deadline = startDeadline(began + allowed, request.signal)
    },
    onResponse({ serverContext }) {
      serverContext.deadline?.stop()
    },
  }
}

/** The moment at which a request is answered, whatever has been found out by then (TRUST R9). */

/** Nobody waits beyond it: what is not answered by then is an error of its own key. */
export interface Deadline {
  /** Milliseconds on the clock of `performance.now()`. */
  readonly at: number
  /** Aborts at that moment with UPSTREAM_TIMEOUT, or earlier when the caller goes away. */
  readonly signal: AbortSignal
  stop(): void
}

/** `at` as in `Deadline`; `caller` aborts when the caller goes away. Stop it once the answer is there. */
export function startDeadline(at: number, caller: AbortSignal): Deadline {
  const controller = new AbortController()
  const leave = (): void => {
    controller.abort(caller.reason)
  }
  const timer = setTimeout(() => {
    controller.abort(new CodedError('UPSTREAM_TIMEOUT'))
  }, at - performance.now()).unref()
  if (caller.aborted) leave()
  caller.addEventListener('abort', leave, { once: true })
  return {
    at,
    signal: controller.signal,
    stop() {
      clearTimeout(timer)
      caller.removeEventListener('abort', leave)
    },
  }
}

/** What the promise gives, unless the deadline comes first; rejects then with UPSTREAM_TIMEOUT. */
export async function within<T>(deadline: Deadline | undefined, promise: Promise<T>): Promise<T> {
  if (deadline === undefined) return promise
  const { signal } = deadline
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const leave = (): void => {
    reject(signal.reason as Error)
  }
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([promise, ended])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
