/**
 * Saves token calls that can only say "not connected": at some platforms one cheap metadata call names everything
 * that a user has linked (upstreams/SUMMARY.md section 1).
 */
import { CodedError } from '../errors.ts'
import { shareCalls } from '../tokens/flights.ts'
import type { Call } from './platform.ts'

/** From so many providers of one user on, the metadata call is expected to save more calls than it costs. */
const WORTHWHILE = 3

export interface LinkedProviders<Row> {
  /** What the user has linked; one call at a time for each user, whoever asks. */
  list(user_id: string, call: Call): Promise<readonly Row[]>
  /**
   * The same where enough providers of the user are asked for in the same turn; null: ask for the token itself. Also
   * null where the platform refuses this server the metadata: without it everything works, with more calls.
   */
  listIfWorthwhile(user_id: string, call: Call): Promise<readonly Row[] | null>
}

/** `read` makes the metadata call. */
export function linkedProviders<Row>(
  read: (user_id: string, call: Call) => Promise<readonly Row[]>,
): LinkedProviders<Row> {
  const ask = shareCalls<string, readonly Row[]>({ kind: 'one', one: read }, (user_id) => user_id)
  const together = new Map<string, number>()

  async function list(user_id: string, call: Call): Promise<readonly Row[]> {
    return (await ask([user_id], call)[0]) ?? []
  }

  return {
    list,
    async listIfWorthwhile(user_id, call) {
      together.set(user_id, (together.get(user_id) ?? 0) + 1)
      // The keys of a batch come one after the other without a pause: after this one all have been counted.
      await Promise.resolve()
      const count = together.get(user_id) ?? 0
      queueMicrotask(() => together.delete(user_id))
      if (count < WORTHWHILE) return null
      try {
        return await list(user_id, call)
      } catch (error) {
        if (error instanceof CodedError && isAboutMetadata(error)) return null
        throw error
      }
    },
  }
}

function isAboutMetadata({ code }: CodedError): boolean {
  return code === 'UPSTREAM_REJECTED' || code === 'UPSTREAM_PROTOCOL_ERROR'
}
