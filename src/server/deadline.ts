/** The deadline of one request: the operator's timeout, or less where the caller asks for less (docs/promises.md R9). */
import { CodedError } from '../errors.ts'
import { RefusedError } from '../http/error-response.ts'

/** Whole milliseconds. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms'
const wholeMilliseconds = /^[1-9]\d{0,8}$/

/** Nothing waits beyond it: a key without an answer by then is an error of its own. */
export interface Deadline {
  /** Milliseconds on the clock of `performance.now()`. */
  readonly at: number
  /** Aborts at the deadline with UPSTREAM_TIMEOUT, or earlier with the caller's reason when the caller goes away. */
  readonly signal: AbortSignal
  stop(): void
}

/** Reads the header: milliseconds, Infinity when it is absent. Throws `RefusedError`. */
export function readTimeoutMs(header: string | null): number {
  if (header === null) return Infinity
  if (wholeMilliseconds.test(header)) return Number(header)
  const message = `The header ${TIMEOUT_HEADER} must be a whole number of milliseconds.`
  throw new RefusedError({ status: 400, code: 'BAD_USER_INPUT', message })
}

/** `at` as in `Deadline`; `caller` aborts when the caller goes away. Stop it when the response is there. */
export function startDeadline(at: number, caller: AbortSignal): Deadline {
  const controller = new AbortController()
  const onAbort = (): void => {
    controller.abort(caller.reason)
  }
  const timer = setTimeout(() => {
    controller.abort(new CodedError('UPSTREAM_TIMEOUT'))
  }, at - performance.now()).unref()
  if (caller.aborted) onAbort()
  caller.addEventListener('abort', onAbort, { once: true })
  return {
    at,
    signal: controller.signal,
    stop() {
      clearTimeout(timer)
      caller.removeEventListener('abort', onAbort)
    },
  }
}
