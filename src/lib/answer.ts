/** A value that may be at hand already: returned without a promise, and so without a tick, where it is. */

export type Answer<T> = T | Promise<T>

/** All of the values; a promise where one of them is not at hand. */
export function allOf<T>(answers: readonly Answer<T>[]): Answer<readonly T[]> {
  const atHand: T[] = []
  for (const answer of answers) {
    if (answer instanceof Promise) return Promise.all(answers.map(async (each) => each))
    atHand.push(answer)
  }
  return atHand
}
