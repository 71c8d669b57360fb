/**
 * How many token keys an operation and a caller may ask for. Counted in keys and not in requests, because one request
 * can ask for a hundred users (TRUST S17, OWASP API4). A refused key calls no upstream; the keys before it are answered.
 */
import type { Viewer } from '../../auth/viewer.ts'
import { badUserInput, CodedError } from '../../errors.ts'
import type { AdmitKey } from '../../tokens/loaders.ts'
import type { Limits } from './options.ts'

/** Takes one key from the caller's allowance; otherwise the milliseconds until there is one again. */
export type TakeKey = (caller: string) => number | null

/** Admits the keys of one operation; the caller's allowance outlives it. */
export function createAdmitKey(max: number, caller: string | null, take: TakeKey): AdmitKey {
  let asked = 0
  return () => {
    asked += 1
    if (asked > max) return badUserInput(`The operation asks for too many token keys: at most ${String(max)}.`)
    const wait_ms = caller === null ? null : take(caller)
    if (wait_ms === null) return null
    return new CodedError('OVERLOADED', 'This caller asks for too many token keys in a short time.', {
      retry_after_ms: wait_ms,
    })
  }
}

/** null: nobody, who is refused before any key. */
export function callerOf(viewer: Viewer): string | null {
  if (viewer.kind === 'anonymous') return null
  return JSON.stringify(viewer.kind === 'service' ? [viewer.id] : [viewer.issuer, viewer.userId])
}

interface Bucket {
  keys: number
  /** Milliseconds of a monotonic clock. */
  at: number
}

/** Callers remembered at most; the one who has been quiet longest is forgotten first, and begins with a full bucket. */
const MAX_CALLERS = 10_000

/** A token bucket for each caller. `now` gives milliseconds of a monotonic clock; tests pass their own. */
export function createKeyRate(
  { burst, per_second }: Limits['viewer_keys'],
  now: () => number = () => performance.now(),
): TakeKey {
  const buckets = new Map<string, Bucket>()

  function refill(caller: string): Bucket {
    const at = now()
    const known = buckets.get(caller)
    const keys = known === undefined ? burst : Math.min(burst, known.keys + ((at - known.at) / 1000) * per_second)
    const bucket = { keys, at }
    buckets.delete(caller) // so that the order of the map is the order of use
    buckets.set(caller, bucket)
    if (buckets.size > MAX_CALLERS) forgetFirst(buckets)
    return bucket
  }

  return (caller) => {
    const bucket = refill(caller)
    if (bucket.keys < 1) return Math.ceil(((1 - bucket.keys) / per_second) * 1000)
    bucket.keys -= 1
    return null
  }
}

function forgetFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
