/**
 * What follows from failures: whether and when a request is sent again (docs/promises.md R8), and the circuit breaker, which
 * sends none for a pause while most of the last requests failed, and then tries one at a time.
 *
 * Own code. Of retries: undici's retry interceptor holds the connection while it waits, returns before a long `Retry-After`
 * and hides the last answer; cockatiel's has no budget that requests share; both would retry where the deadline leaves no
 * time. Of the breaker: in cockatiel's half-open state other callers wait for the probe (here they fail at once), a probe
 * that its caller withdrew counts as a success (here it counts as nothing), the pause runs on the wall clock, and one user
 * whose requests all fail opens it for everybody.
 */
import type { CodedError } from '../../errors.ts'
import { monotonicMs } from '../../lib/time.ts'
import type { UpstreamState } from '../platform.ts'
import type { BreakerOptions, HttpAnswer } from './types.ts'

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

// The circuit breaker.

/** `failed` null: the outcome says nothing about what the breaker protects. */
export interface Result<T> {
  readonly failed: boolean | null
  readonly outcome: T
}

export interface Breaker {
  /** Throws what `refuse` makes while nothing may be sent. */
  check(): void
  /**
   * Checks, runs `attempt` and counts its result; one that throws was withdrawn and counts neither way. `user`: whom
   * the request is about; null: nobody in particular.
   */
  run<T>(attempt: () => Promise<Result<T>>, user?: string | null): Promise<T>
  state(): UpstreamState['breaker']
}

const FIRST_PAUSE_MS = 1000
const MAX_PAUSE_MS = 10_000
/** The window is so many times the minimum of requests. */
const WINDOWS = 3

interface Counted {
  readonly failed: boolean
  readonly user: string | null
}

/** The breaker is open: `probeAt` is when the next request may be tried, in milliseconds of the monotonic clock. */
interface Opened {
  readonly probeAt: number
  readonly pauseMs: number
  readonly isProbing: boolean
}

/** `refuse` makes the error for a request that could be tried in so many milliseconds. */
export function createBreaker(
  { minimumRequests, failureRate }: BreakerOptions,
  refuse: (waitMs: number) => Error,
): Breaker {
  const size = minimumRequests * WINDOWS
  // The failures of one user do not open it, however many: an account or a session may be what is broken.
  const perUser = Math.max(1, Math.floor((minimumRequests * failureRate) / 2))
  let counted: Counted[] = []
  let opened: Opened | null = null

  function check(): void {
    if (opened === null) return
    if (opened.isProbing) throw refuse(FIRST_PAUSE_MS)
    const pause = opened.probeAt - monotonicMs()
    if (pause > 0) throw refuse(pause)
  }

  function open(pauseMs: number): void {
    opened = { probeAt: monotonicMs() + pauseMs, pauseMs, isProbing: false }
    counted = []
  }

  function count(failed: boolean, user: string | null): void {
    if (failed && user !== null && counted.filter((each) => each.failed && each.user === user).length >= perUser) return
    counted.push({ failed, user })
    if (counted.length > size) counted.shift()
    if (!failed || counted.length < minimumRequests) return
    if (counted.filter((each) => each.failed).length / counted.length > failureRate) open(FIRST_PAUSE_MS)
  }

  /** Closes the breaker again, or keeps it open for longer; a probe that says nothing leaves the pause as it is. */
  function endProbe(failed: boolean | null, pauseMs: number): void {
    if (failed === false) opened = null
    else open(failed ? Math.min(pauseMs * 2, MAX_PAUSE_MS) : pauseMs)
  }

  return {
    check,
    async run(attempt, user = null) {
      check()
      const before = opened
      const probe = before === null ? null : { ...before, isProbing: true }
      if (probe !== null) opened = probe
      let failed: boolean | null = null
      try {
        const result = await attempt()
        failed = result.failed
        return result.outcome
      } finally {
        if (probe !== null) endProbe(failed, probe.pauseMs)
        // What was sent before it opened says nothing about now.
        else if (failed !== null && opened === null) count(failed, user)
      }
    },
    state() {
      if (opened === null) return 'closed'
      return opened.isProbing ? 'half-open' : 'open'
    },
  }
}
