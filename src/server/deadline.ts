/** The moment at which a request is answered, whatever has been found out by then (TRUST R9). */
import { CodedError } from '../errors.ts'

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
