/**
 * A circuit breaker: an upstream of whose last requests most failed is left alone for a while, and then tried with one
 * request at a time. cockatiel keeps the count and the states. Three things are added around it: its half-open state
 * lets everybody else wait for the probe (here they fail at once), takes a probe that its caller withdrew for a success
 * (here for a failure), and does not tell when the next probe is due.
 */
import { BrokenCircuitError, circuitBreaker, CircuitState, CountBreaker, DelegateBackoff, handleWhen } from 'cockatiel'
import type { CircuitBreakerPolicy } from 'cockatiel'
import type { UpstreamState } from '../platform.ts'

export interface BreakerOptions {
  /** Fewer requests than these never open it. */
  readonly minimum_requests: number
  /** The share of failures, above which it opens. */
  readonly failure_rate: number
}

/** `failed`: the upstream itself is in trouble, whoever asks; a 4xx is not, because it may be about one user. */
export interface Attempt<T> {
  readonly failed: boolean
  readonly outcome: T
}

export interface Breaker {
  /** Throws what `refuse` gives while nothing may be sent. */
  check(): void
  /** The same check, then the attempt, whose end is counted; one that throws was withdrawn and counts neither way. */
  run<T>(attempt: () => Promise<Attempt<T>>): Promise<T>
  state(): UpstreamState['breaker']
}

const FIRST_PAUSE_MS = 1000
const MAX_PAUSE_MS = 10_000
/** How many times the minimum is looked back. */
const MEMORY = 3

const names: Readonly<Record<CircuitState, UpstreamState['breaker']>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
}

/** `refuse` makes the error for a request that could be tried in `retry_after_ms` milliseconds. */
export function createBreaker(
  { minimum_requests, failure_rate }: BreakerOptions,
  refuse: (retry_after_ms: number) => Error,
): Breaker {
  let pause_ms = 0
  let probe_at = 0
  const policy: CircuitBreakerPolicy = circuitBreaker(
    handleWhen(() => policy.state === CircuitState.HalfOpen).orWhenResult(
      (attempt) => (attempt as Attempt<unknown>).failed,
    ),
    {
      halfOpenAfter: new DelegateBackoff(({ attempt, result }: { attempt: number; result: object }) => {
        // Doubled with every probe that fails; one that was withdrawn (it threw) says nothing of the upstream.
        if (attempt === 1) pause_ms = FIRST_PAUSE_MS
        else if (!('error' in result)) pause_ms = Math.min(pause_ms * 2, MAX_PAUSE_MS)
        probe_at = Date.now() + pause_ms
        return pause_ms
      }),
      breaker: new CountBreaker({
        threshold: failure_rate,
        size: minimum_requests * MEMORY,
        minimumNumberOfCalls: minimum_requests,
      }),
    },
  )

  function check(): void {
    if (policy.state === CircuitState.HalfOpen) throw refuse(FIRST_PAUSE_MS)
    const pause = probe_at - Date.now()
    if (policy.state === CircuitState.Open && pause > 0) throw refuse(pause)
  }

  return {
    check,
    async run(attempt) {
      check()
      try {
        return (await policy.execute(attempt)).outcome
      } catch (error) {
        // Its clock and ours may differ by the millisecond between two readings.
        throw error instanceof BrokenCircuitError ? refuse(1) : error
      }
    },
    state: () => names[policy.state],
  }
}
