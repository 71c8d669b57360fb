/**
 * A circuit breaker: while most of the last requests to an upstream failed, it sends none for a pause, and then tries one
 * at a time. cockatiel keeps the count and the states. Three things are added, because its half-open state lets other
 * callers wait for the probe (here they fail at once), counts a probe that its caller withdrew as a success (here as a
 * failure), and times the pause by the wall clock without telling when the next probe is due (here by the monotonic one).
 */
import { circuitBreaker, CircuitState, CountBreaker, DelegateBackoff, handleWhen } from 'cockatiel'
import type { CircuitBreakerPolicy } from 'cockatiel'
import { monotonicMs } from '../../lib/clock.ts'
import type { UpstreamState } from '../platform.ts'

export interface BreakerOptions {
  /** Fewer requests than this never open it. */
  readonly minimumRequests: number
  /** The share of failures above which it opens. */
  readonly failureRate: number
}

/** `failed`: the upstream itself is in trouble; a 4xx is no failure, because it may concern one user. */
export interface Result<T> {
  readonly failed: boolean
  readonly outcome: T
}

export interface Breaker {
  /** Throws what `refuse` makes while nothing may be sent. */
  check(): void
  /** Checks, runs `attempt` and counts its result; one that throws was withdrawn and counts neither way. */
  run<T>(attempt: () => Promise<Result<T>>): Promise<T>
  state(): UpstreamState['breaker']
}

const FIRST_PAUSE_MS = 1000
const MAX_PAUSE_MS = 10_000
/** The window is so many times the minimum of requests. */
const WINDOWS = 3

const names: Readonly<Record<CircuitState, UpstreamState['breaker']>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
}

/** `refuse` makes the error for a request that could be tried in so many milliseconds. */
export function createBreaker(
  { minimumRequests, failureRate }: BreakerOptions,
  refuse: (waitMs: number) => Error,
): Breaker {
  let pauseMs = 0
  let probeAt = 0
  const policy: CircuitBreakerPolicy = circuitBreaker(
    handleWhen(() => policy.state === CircuitState.HalfOpen).orWhenResult(
      (result) => (result as Result<unknown>).failed,
    ),
    {
      halfOpenAfter: new DelegateBackoff(({ attempt, result }: { attempt: number; result: object }) => {
        // Doubles with every probe that fails; one that was withdrawn (it threw) tells nothing about the upstream.
        if (attempt === 1) pauseMs = FIRST_PAUSE_MS
        else if (!('error' in result)) pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
        probeAt = monotonicMs() + pauseMs
        // cockatiel measures the pause by the wall clock. To it every pause is over; `check` measures it.
        return -Infinity
      }),
      breaker: new CountBreaker({
        threshold: failureRate,
        size: minimumRequests * WINDOWS,
        minimumNumberOfCalls: minimumRequests,
      }),
    },
  )

  function check(): void {
    if (policy.state === CircuitState.HalfOpen) throw refuse(FIRST_PAUSE_MS)
    const pause = probeAt - monotonicMs()
    if (policy.state === CircuitState.Open && pause > 0) throw refuse(pause)
  }

  return {
    check,
    async run(attempt) {
      check()
      return (await policy.execute(attempt)).outcome
    },
    state: () => names[policy.state],
  }
}
