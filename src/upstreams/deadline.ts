/** One bound on the time of one call, whatever the other side does (TRUST R9). */

/**
 * Runs `work` with a signal that aborts together with `outer` or after `timeout_ms` milliseconds, and settles at that
 * moment even when `work` does not: undici looks at the signal of a queued request only when its turn comes.
 * Rejects with the reason of `outer`, or with what `timedOut` returns.
 */
export async function withDeadline<T>(
  outer: AbortSignal,
  timeout_ms: number,
  timedOut: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted()
  const controller = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => {
    reject(outer.reason as Error)
  }
  outer.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => {
    reject(timedOut())
  }, timeout_ms).unref()
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
