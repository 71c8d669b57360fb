/**
 * Whether and when a request is sent again (docs/promises.md R8). Own code: undici's retry interceptor holds the
 * connection while it waits, returns before a long `Retry-After` and hides the last answer; cockatiel's has no budget
 * that requests share. Both would retry where the deadline leaves no time.
 */
import type { CodedError } from '../../errors.ts'
import { monotonicMs } from '../../lib/time.ts'
import type { HttpAnswer } from './types.ts'

/** The share of requests that may be retries. */
const SHARE = 0.2
/** So many retries are allowed in any window. */
const FLOOR = 3
const WINDOW_SECONDS = 10

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 2000

const retryable = new Set([429, 502, 503, 504])
/** The connection broke or could not be made; a refused certificate, name or address is not among them. */
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

/** Whether the next attempt may have another outcome. */
export function isTransient(outcome: HttpAnswer | CodedError): boolean {
  if ('status' in outcome) return retryable.has(outcome.status)
  const { cause } = outcome
  return outcome.code === 'UPSTREAM_UNAVAILABLE' && cause instanceof Error && broken.has(cause.message)
}

/** Milliseconds with full jitter: anything below a bound that doubles with each of the `retries` so far. */
export function backoffMs(retries: number): number {
  return Math.floor(Math.random() * Math.min(FIRST_DELAY_MS * 2 ** retries, MAX_DELAY_MS))
}

/** The budget of one upstream: a fifth of the requests of the last ten seconds, and three where there were fewer. */
export interface RetryBudget {
  /** Counts a request that is sent for the first time. */
  count(): void
  /** Takes one retry; false where none is left. */
  take(): boolean
}

interface Second {
  at: number
  requests: number
  retries: number
}

/** `now` gives milliseconds of a monotonic clock. */
export function createRetryBudget(now: () => number = monotonicMs): RetryBudget {
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

/** Milliseconds to wait where the platform does not say how long, or in no known form. */
const DEFAULT_MS = 1000
/** Milliseconds; no platform documents a longer block, and a caller should not be told to wait without end. */
const MAX_MS = 3_600_000
/** Seconds; a smaller reset is a span and not a time (which would be in 2001). */
const FIRST_EPOCH = 1e9

const wholeSeconds = /^-?\d{1,15}$/
// Only the form that RFC 9110 section 5.6.7 lets a sender produce: Date.parse reads "-5" as a month.
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

type Header = (name: string) => string | undefined

/**
 * Milliseconds that an answer asks to wait, within 0 and one hour; null where it does not say. Reads `Retry-After` (RFC
 * 9110 section 10.2.3) and the headers used in its place. `nowMs` (Unix milliseconds) counts only where the answer has
 * no `Date`: a time is meant by the platform's clock.
 */
export function retryAfterMs(header: Header, nowMs: number): number | null {
  const theirs = parseDate(header('date')) ?? nowMs
  // better-auth sends only the second, and Auth0 often only the third (docs/platforms/auth0.md section 6).
  const said = header('retry-after') ?? header('x-retry-after')
  if (said !== undefined) return parseRetryAfter(said, theirs)
  const reset = header('x-ratelimit-reset')?.trim() ?? ''
  if (!wholeSeconds.test(reset)) return null
  const seconds = Number(reset)
  return bound(seconds < FIRST_EPOCH ? seconds * 1000 : seconds * 1000 - theirs)
}

/** Milliseconds from `nowMs` (Unix milliseconds) that the value of the header asks to wait, within 0 and one hour. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number {
  const text = value?.trim() ?? ''
  if (wholeSeconds.test(text)) return bound(Number(text) * 1000)
  const at = parseDate(text)
  return at === null ? DEFAULT_MS : bound(at - nowMs)
}

/** Milliseconds to wait after a 429, whether it says how long or not. */
export function rateLimitMs(header: Header, nowMs: number): number {
  return retryAfterMs(header, nowMs) ?? DEFAULT_MS
}

/** Unix milliseconds. */
function parseDate(value: string | undefined): number | null {
  const text = value?.trim() ?? ''
  const at = httpDate.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(at) ? null : at
}

function bound(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_MS)
}
