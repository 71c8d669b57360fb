/** A batch that fails because of one of its ids, asked for again in halves. */

/** More calls than a few bad ids of a batch of 500 need, and few enough where every call fails the same way. */
const MAX_CALLS = 40

/**
 * The values by id. Where `ask` rejects and `isDivisible` says that fewer ids may succeed, the halves are asked for by
 * themselves, until the failure belongs to one id or too many calls were made; it is then the value of the ids.
 */
export async function splitOnFailure<V>(
  ids: readonly string[],
  ask: (ids: readonly string[]) => Promise<ReadonlyMap<string, V>>,
  isDivisible: (error: unknown) => boolean,
): Promise<ReadonlyMap<string, V | Error>> {
  let calls = 0

  async function attempt(part: readonly string[]): Promise<(readonly [string, V | Error])[]> {
    calls++
    try {
      return [...(await ask(part))]
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (part.length === 1 || !isDivisible(error) || calls >= MAX_CALLS) return part.map((id) => [id, error] as const)
      const middle = Math.ceil(part.length / 2)
      // One after the other, so that the count of calls is known before the next is made.
      return [...(await attempt(part.slice(0, middle))), ...(await attempt(part.slice(middle)))]
    }
  }

  return new Map(await attempt(ids))
}
