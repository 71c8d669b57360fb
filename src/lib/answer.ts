/** A value that may be at hand already: returned without a promise, and so without a tick, where it is. */

export type Answer<T> = T | Promise<T>

/**
 * Maps the value and the failure of `ask`, in the same turn where the value is at hand. `onError` returns the error to
 * throw in place of the one that was thrown.
 */
export function mapAnswer<T, R>(
  ask: () => Answer<T>,
  onValue: (value: T) => R,
  onError: (error: unknown) => unknown = (error) => error,
): Answer<R> {
  const fail = (error: unknown): never => {
    throw onError(error)
  }
  try {
    const answer = ask()
    return answer instanceof Promise ? answer.then(onValue).catch(fail) : onValue(answer)
  } catch (error) {
    return fail(error)
  }
}
