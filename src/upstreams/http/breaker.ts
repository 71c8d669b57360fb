/**
 * A circuit breaker: while most of the last requests failed, it sends none for a pause, and then tries one at a time.
 * Own code, because in cockatiel's half-open state other callers wait for the probe (here they fail at once), a probe
 * that its caller withdrew counts as a success (here it counts as nothing), the pause runs on the wall clock, and one
 * user whose requests all fail opens it for everybody.
 */
import { monotonicMs } from '../../lib/clock.ts'
import type { UpstreamState } from '../platform.ts'

export interface BreakerOptions {
  /** Fewer requests than this never open it. */
  readonly minimumRequests: number
  /** The share of failures above which it opens. */
  readonly failureRate: number
}

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
