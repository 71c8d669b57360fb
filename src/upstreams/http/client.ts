/**
 * The HTTP core that every platform calls through. A request goes this way, and any part may end it:
 *
 *   deadline → credential → breaker → gate (concurrency, rate budget, turn) → exchange → retry
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../errors.ts'
import type { Call, UpstreamEvent } from '../platform.ts'
import { createBreaker } from './breaker.ts'
import { withDeadline } from '../../lib/abort.ts'
import { transportError } from './errors.ts'
import { createGate } from './limiter.ts'
import type { Leave } from './limiter.ts'
import { httpDefaults } from './options.ts'
import { openPool } from './pool.ts'
import type { Prepared } from './pool.ts'
import { backoffMs, createRetryBudget, mayPass, rateLimitMs, retryAfterMs } from './retry.ts'
import type { Headers, Http, HttpAnswer, HttpOptions, RequestSpec } from './types.ts'
export type { Authorize, Http, HttpAnswer, HttpOptions, RequestSpec } from './types.ts'

/** A request on its way; `signal` also aborts at the deadline, `call.signal` only when nobody waits any more. */
interface Passage {
  readonly spec: RequestSpec
  readonly prepared: Prepared
  readonly call: Call
  readonly signal: AbortSignal
  deadline(): number
}

/** Opens the pool; throws where the base URL or a header cannot be used. Connects on the first request. */
export function openHttp(options: HttpOptions): Http {
  const { authorize, observe } = options
  const { concurrency, timeout_ms, rate, retries, breaker: breaking } = { ...httpDefaults, ...options }
  const pool = openPool({
    baseUrl: options.base_url,
    connections: concurrency,
    connectTimeoutMs: timeout_ms,
    headers: options.headers?.() ?? {},
  })
  const refuse = (code: 'UPSTREAM_RATE_LIMITED' | 'UPSTREAM_UNAVAILABLE') => (waitMs: number) =>
    new CodedError(code, undefined, { retry_after_ms: Math.ceil(waitMs) })
  const expire = () => new CodedError('UPSTREAM_TIMEOUT')
  const gate = createGate({ concurrency, rate, refuse: refuse('UPSTREAM_RATE_LIMITED'), expire })
  const breaker = createBreaker(breaking, refuse('UPSTREAM_UNAVAILABLE'))
  const budget = createRetryBudget()

  /** Tells what became of an exchange, or of a request that never led to one. */
  function report({ spec, call }: Passage, outcome: UpstreamEvent['outcome'], started: number): void {
    const duration_ms = performance.now() - started
    const { operation, keys } = spec
    observe({ operation, keys, outcome: call.signal.aborted ? 'aborted' : outcome, duration_ms })
  }

  /** Waits for its turn. */
  async function enter(passage: Passage): Promise<Leave> {
    const { call, signal, deadline } = passage
    const started = performance.now()
    try {
      breaker.check()
      return await gate.enter({ viewer: call.viewer ?? '', signal, deadline })
    } catch (error) {
      report(passage, 'refused', started)
      throw error
    }
  }

  /** One exchange; a failure of the transport is an outcome like an answer. */
  async function exchange(passage: Passage, credential: Headers): Promise<HttpAnswer | CodedError> {
    const leave = await enter(passage)
    const { prepared, signal, call } = passage
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
          if (answer.status === 429) gate.block(rateLimitMs(answer.header, Date.now()))
          return { failed: answer.status >= 500, outcome: answer }
        } catch (error) {
          if (call.signal.aborted) throw error
          const coded = error instanceof CodedError ? error : transportError(error)
          return { failed: coded.code !== 'UPSTREAM_PROTOCOL_ERROR', outcome: coded }
        }
      })
    } finally {
      leave(sent)
      report(passage, outcome, started)
    }
  }

  async function exchanges(passage: Passage, credential: Headers): Promise<HttpAnswer> {
    const { spec, prepared, signal, deadline } = passage
    const { idempotent = prepared.method === 'GET' } = spec
    for (let sent_again = 0; ; sent_again++) {
      const outcome = await exchange(passage, credential)
      const wait_ms = waitFor(outcome, sent_again)
      const again =
        idempotent &&
        sent_again < retries &&
        mayPass(outcome) &&
        performance.now() + wait_ms < deadline() &&
        budget.take()
      if (again) await sleep(wait_ms, undefined, { signal, ref: false })
      else if ('status' in outcome) return outcome
      else throw outcome
    }
  }

  /** A refused credential is fetched anew once: the platform did not look at the request, whatever its method. */
  async function authorized(passage: Passage): Promise<HttpAnswer> {
    const { prepared, call, signal } = passage
    if (authorize === undefined || Object.hasOwn(prepared.headers, 'authorization')) return exchanges(passage, {})
    const first = await authorize.headers({ ...call, signal })
    const answer = await exchanges(passage, first)
    if (answer.status !== 401) return answer
    authorize.invalidate(first)
    const second = await authorize.headers({ ...call, signal })
    return second === first ? answer : exchanges(passage, second)
  }

  return {
    async request(spec, call) {
      const prepared = pool.prepare(spec)
      const last = performance.now() + timeout_ms
      const deadline = (): number => Math.min(last, call.deadline())
      budget.count()
      const work = (signal: AbortSignal) => authorized({ spec, prepared, call, signal, deadline })
      return withDeadline(call.signal, { timeoutMs: timeout_ms, deadline, timedOut: expire }, work)
    },
    state: () => ({ breaker: breaker.state(), ...gate.state() }),
    close: () => pool.close(),
  }
}

/** Milliseconds before another attempt: what the platform asks for, and never all at the same time. */
function waitFor(outcome: HttpAnswer | CodedError, sent_again: number): number {
  const asked = 'status' in outcome ? retryAfterMs(outcome.header, Date.now()) : null
  return Math.max(asked ?? 0, backoffMs(sent_again))
}
