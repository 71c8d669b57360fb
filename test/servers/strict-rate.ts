/** A platform that refuses every request beyond its limit, in any span of time, and keeps count of its refusals. */
import { startLocal, type LocalServer } from './local.ts'

export interface StrictServer extends LocalServer {
  /** How many requests came that should not have. */
  readonly excess: number
  /** When each request came; milliseconds on the clock of `performance.now()`. */
  readonly arrivals: readonly number[]
}

/** At most `requests` in any `per_ms` milliseconds; those that are refused count, too, as they do at real platforms. */
export async function startStrict({ requests, per_ms }: { requests: number; per_ms: number }): Promise<StrictServer> {
  const arrivals: number[] = []
  let excess = 0
  const server = await startLocal(() => {
    const now = performance.now()
    const earlier = arrivals.at(-requests)
    arrivals.push(now)
    if (earlier === undefined || now - earlier >= per_ms) return { status: 200, body: { fine: true } }
    excess++
    return { status: 429, body: {}, headers: { 'retry-after': '1' } }
  })
  return Object.defineProperty(Object.assign(server, { arrivals, excess: 0 }), 'excess', { get: () => excess })
}
