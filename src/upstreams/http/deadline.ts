/** One bound on the time of one call, whatever the other side does (TRUST R9). */

/**
 * Runs `work` with a signal that aborts together with `outer`, after `timeout_ms` milliseconds, or at `deadline`
 * (milliseconds on the clock of `performance.now()`; asked again when it is reached, because it may move), and settles
 * at that moment even when `work` does not. Rejects with the reason of `outer`, or with what `timedOut` returns.
 */
export async function withDeadline<T>(
  outer: AbortSignal,
  timeout_ms: number,
  timedOut: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
  deadline: () => number = () => Infinity,
): Promise<T> {
  outer.throwIfAborted()
  const last = performance.now() + timeout_ms
  const leftMs = (): number => Math.min(last, deadline()) - performance.now()
  if (leftMs() <= 0) throw timedOut()
  const controller = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => {
    reject(outer.reason as Error)
  }
  let timer: NodeJS.Timeout | undefined
  const watch = (): void => {
    const left = leftMs()
    if (left <= 0) reject(timedOut())
    else timer = setTimeout(watch, Math.ceil(left)).unref()
  }
  outer.addEventListener('abort', onAbort, { once: true })
  watch()
  try {
    return await Promise.race([work(controller.signal), ended])
  } catch (error) {
    // Also a refused answer has a body on its way: the abort closes the connection.
    controller.abort(error)
    throw error
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', onAbort)
  }
}
