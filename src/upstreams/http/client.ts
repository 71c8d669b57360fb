/**
 * The HTTP client that every platform calls through. A request passes these stages, and each may end it:
 *
 *   deadline → credential → breaker → limiter (concurrency, rate, turn) → exchange → retry
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../errors.ts'
import { withDeadline } from '../../lib/abort.ts'
import { unixMs } from '../../lib/clock.ts'
import type { Call, UpstreamEvent } from '../platform.ts'
import { createBreaker } from './breaker.ts'
import { transportError } from './errors.ts'
import { createLimiter } from './limiter.ts'
import type { Release } from './limiter.ts'
import { openPool } from './pool.ts'
import type { Prepared } from './pool.ts'
import { backoffMs, createRetryBudget, isTransient, rateLimitMs, retryAfterMs } from './retry.ts'
import { httpDefaults } from './types.ts'
import type { Headers, Http, HttpAnswer, HttpOptions, RequestSpec } from './types.ts'

/** A request on its way; `signal` also aborts at the deadline, `call.signal` only when no caller waits any more. */
interface Attempt {
  readonly spec: RequestSpec
  readonly prepared: Prepared
  readonly call: Call
  readonly signal: AbortSignal
  deadline(): number
}

/** Opens the pool; throws where the base URL or a header cannot be used. Connects on the first request. */
export function openHttp(options: HttpOptions): Http {
  const { authorize, observe } = options
  const { concurrency, timeoutMs, rate, retries, breaker: breaking } = { ...httpDefaults, ...options }
  const pool = openPool({
    baseUrl: options.baseUrl,
    plainHttp: options.plainHttp ?? false,
    connections: concurrency,
    connectTimeoutMs: timeoutMs,
    headers: options.headers?.() ?? {},
  })
  const refuse = (code: 'UPSTREAM_RATE_LIMITED' | 'UPSTREAM_UNAVAILABLE') => (waitMs: number) =>
    new CodedError(code, undefined, { retry_after_ms: Math.ceil(waitMs) })
  const expire = () => new CodedError('UPSTREAM_TIMEOUT')
  const limiter = createLimiter({ concurrency, rate, refuse: refuse('UPSTREAM_RATE_LIMITED'), expire })
  const breaker = createBreaker(breaking, refuse('UPSTREAM_UNAVAILABLE'))
  const budget = createRetryBudget()

  /** Reports the end of an exchange, or of a request that never led to one. */
  function report({ spec, call }: Attempt, outcome: UpstreamEvent['outcome'], started: number): void {
    const { operation, keys } = spec
    observe({
      operation,
      keys,
      outcome: call.signal.aborted ? 'aborted' : outcome,
      durationMs: performance.now() - started,
    })
  }

  async function acquire(attempt: Attempt): Promise<Release> {
    const { call, signal, deadline } = attempt
    const started = performance.now()
    try {
      breaker.check()
      return await limiter.acquire({ viewer: call.viewer ?? '', signal, deadline })
    } catch (error) {
      report(attempt, 'refused', started)
      throw error
    }
  }

  /** One exchange; a failure of the transport is an outcome like an answer. */
  async function exchange(attempt: Attempt, credential: Headers): Promise<HttpAnswer | CodedError> {
    const release = await acquire(attempt)
    const { prepared, signal, call } = attempt
    const started = performance.now()
    let sent = false
    let outcome: UpstreamEvent['outcome'] = 'refused'
    try {
      return await breaker.run<HttpAnswer | CodedError>(async () => {
        sent = true
        outcome = 'error'
        try {
          const answer = await pool.send(prepared, credential, signal)
          if (answer.status < 300) outcome = 'ok'
          if (answer.status === 429) limiter.block(rateLimitMs(answer.header, unixMs()))
          return { failed: answer.status >= 500, outcome: answer }
        } catch (error) {
          if (call.signal.aborted) throw error
          const coded = error instanceof CodedError ? error : transportError(error)
          return { failed: coded.code !== 'UPSTREAM_PROTOCOL_ERROR', outcome: coded }
        }
      })
    } finally {
      release(sent)
      report(attempt, outcome, started)
    }
  }

  async function exchangeWithRetries(attempt: Attempt, credential: Headers): Promise<HttpAnswer> {
    const { spec, prepared, signal, deadline } = attempt
    const { idempotent = prepared.method === 'GET' } = spec
    for (let retried = 0; ; retried++) {
      const outcome = await exchange(attempt, credential)
      const waitMs = waitBefore(outcome, retried)
      const mayRetry =
        idempotent &&
        retried < retries &&
        isTransient(outcome) &&
        performance.now() + waitMs < deadline() &&
        budget.take()
      if (mayRetry) await sleep(waitMs, undefined, { signal, ref: false })
      else if ('status' in outcome) return outcome
      else throw outcome
    }
  }

  /** Fetches another credential once after a 401: the platform did not look at the request, whatever its method. */
  async function authorized(attempt: Attempt): Promise<HttpAnswer> {
    const { prepared, call, signal } = attempt
    if (authorize === undefined || Object.hasOwn(prepared.headers, 'authorization'))
      return exchangeWithRetries(attempt, {})
    const first = await authorize.headers({ ...call, signal })
    const answer = await exchangeWithRetries(attempt, first)
    if (answer.status !== 401) return answer
    authorize.invalidate(first)
    const second = await authorize.headers({ ...call, signal })
    return second === first ? answer : exchangeWithRetries(attempt, second)
  }

  return {
    async request(spec, call) {
      const prepared = pool.prepare(spec)
      const last = performance.now() + timeoutMs
      const deadline = (): number => Math.min(last, call.deadline())
      budget.count()
      const work = (signal: AbortSignal) => authorized({ spec, prepared, call, signal, deadline })
      return withDeadline(call.signal, { timeoutMs, deadline, timedOut: expire }, work)
    },
    state() {
      const { queued, inFlight, blockedMs } = limiter.state()
      return { breaker: breaker.state(), queued, under_way: inFlight, blocked_ms: blockedMs }
    },
    close: () => pool.close(),
  }
}

/** Milliseconds before the next attempt: at least what the platform asks for, with jitter. */
function waitBefore(outcome: HttpAnswer | CodedError, retried: number): number {
  const asked = 'status' in outcome ? retryAfterMs(outcome.header, unixMs()) : null
  return Math.max(asked ?? 0, backoffMs(retried))
}
