/**
 * Whether and when a request is sent again (TRUST R8). Own code: undici's retry interceptor holds the connection while
 * it waits, comes back before a long `Retry-After` and hides the last answer; cockatiel's knows no budget that requests
 * share. Both would retry where the deadline leaves no time.
 */
import type { CodedError } from '../errors.ts'
import type { HttpAnswer } from './http-types.ts'

/** The share of requests that may be retries, and how many there may be in a quiet window. */
const SHARE = 0.2
const FLOOR = 3
/** The window: so many seconds, counted by the second. */
const WINDOW_SECONDS = 10

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 2000

const retryable = new Set([429, 502, 503, 504])
/** The connection broke or could not be made; not: a certificate, a name or an address that is refused. */
const broken = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Whether the outcome of one attempt may be another with the next. */
export function mayPass(outcome: HttpAnswer | CodedError): boolean {
  if ('status' in outcome) return retryable.has(outcome.status)
  const { cause } = outcome
  return outcome.code === 'UPSTREAM_UNAVAILABLE' && cause instanceof Error && broken.has(cause.message)
}

/** Full jitter: anything between nothing and a bound that doubles, in milliseconds; `retries` is how many there were. */
export function backoffMs(retries: number): number {
  return Math.floor(Math.random() * Math.min(FIRST_DELAY_MS * 2 ** retries, MAX_DELAY_MS))
}

/** One for each upstream: retries are a fifth of the requests of the last ten seconds, and three in a quiet time. */
export interface RetryBudget {
  /** A caller's request is sent for the first time. */
  count(): void
  /** Takes one retry; false: there is none left. */
  take(): boolean
}

interface Second {
  at: number
  requests: number
  retries: number
}

/** `now` gives milliseconds of a monotonic clock. */
export function createRetryBudget(now: () => number = () => performance.now()): RetryBudget {
  const seconds: Second[] = Array.from({ length: WINDOW_SECONDS }, () => ({ at: -Infinity, requests: 0, retries: 0 }))

  function current(at: number): Second {
    const second = seconds[at % WINDOW_SECONDS]
    if (second === undefined) throw new Error('the clock must not run below zero')
    if (second.at !== at) Object.assign(second, { at, requests: 0, retries: 0 })
    return second
  }

  return {
    count() {
      current(Math.floor(now() / 1000)).requests++
    },
    take() {
      const at = Math.floor(now() / 1000)
      const recent = seconds.filter((second) => second.at > at - WINDOW_SECONDS)
      const requests = recent.reduce((sum, second) => sum + second.requests, 0)
      const retries = recent.reduce((sum, second) => sum + second.retries, 0)
      if (retries >= Math.max(FLOOR, Math.floor(requests * SHARE))) return false
      current(at).retries++
      return true
    },
  }
}
