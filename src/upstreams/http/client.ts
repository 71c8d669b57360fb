/**
 * The HTTP client that every platform calls through. A request passes these stages, and each may end it:
 *
 *   deadline → credential → breaker → limiter (concurrency, rate, turn) → exchange → retry
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { CodedError, Reason, reasonOf } from '../../errors.ts'
import { monotonicMs, unixMs, withDeadline } from '../../lib/time.ts'
import type { Call, UpstreamEvent } from '../platform.ts'
import { blameByStatus, transportError } from './errors.ts'
import { createLimiter, createScope } from './limiter.ts'
import type { Release, Scope } from './limiter.ts'
import { openPool } from './pool.ts'
import type { Prepared } from './pool.ts'
import { backoffMs, createBreaker, createRetryBudget, isTransient, rateLimitMs, retryAfterMs } from './resilience.ts'
import type { Breaker } from './resilience.ts'
import { httpDefaults } from './types.ts'
import type { Blame, Headers, Http, HttpAnswer, HttpOptions, RequestSpec } from './types.ts'

/** A request on its way; `signal` also aborts at the deadline, `call.signal` only when no caller waits any more. */
interface Attempt {
  readonly spec: RequestSpec
  readonly scope: ProviderScope | null
  readonly prepared: Prepared
  readonly call: Call
  readonly signal: AbortSignal
  deadline(): number
}

/** One provider behind the platform: what it occupies, and how it is doing. */
interface ProviderScope {
  readonly limits: Scope
  readonly breaker: Breaker
}

/** An answer or a failure of the transport, and whose failure it is. */
interface Outcome {
  readonly result: HttpAnswer | CodedError
  readonly blame: Blame
}

/** Providers that are remembered; names come from callers, and the least recently used is forgotten. */
const MAX_SCOPES = 256

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
  const refuse = (code: 'UPSTREAM_RATE_LIMITED' | 'UPSTREAM_UNAVAILABLE', why: string) => (waitMs: number) =>
    new CodedError(code, undefined, { retry_after_ms: Math.ceil(waitMs) }, { cause: new Reason(why) })
  const expire = () => new CodedError('UPSTREAM_TIMEOUT', undefined, {}, { cause: new Reason('deadline') })
  const refuseByBreaker = refuse('UPSTREAM_UNAVAILABLE', 'the circuit breaker is open')
  const limiter = createLimiter({
    concurrency,
    rate,
    refuse: refuse('UPSTREAM_RATE_LIMITED', 'the budget of the upstream'),
    expire,
  })
  const breaker = createBreaker(breaking, refuseByBreaker)
  const scopes = new LRUCache<string, ProviderScope>({ max: MAX_SCOPES })
  const budget = createRetryBudget()

  function scopeOf(name: string | undefined): ProviderScope | null {
    if (name === undefined) return null
    const known = scopes.get(name)
    if (known !== undefined) return known
    const scope = { limits: createScope(), breaker: createBreaker(breaking, refuseByBreaker) }
    scopes.set(name, scope)
    return scope
  }

  /** Reports the end of an exchange, or of a request that never led to one. */
  function report(
    { spec, call }: Attempt,
    outcome: UpstreamEvent['outcome'],
    started: number,
    result: HttpAnswer | Error | null,
  ): void {
    const { operation, keys } = spec
    const reason = result instanceof Error ? reasonOf(result) : null
    observe({
      operation,
      keys,
      outcome: call.signal.aborted ? 'aborted' : outcome,
      durationMs: monotonicMs() - started,
      ...(result !== null && 'status' in result && { status: result.status }),
      ...(reason !== null && { reason }),
      traces: call.traces?.() ?? [],
    })
  }

  async function acquire(attempt: Attempt): Promise<Release> {
    const { scope, call, signal, deadline } = attempt
    const started = monotonicMs()
    try {
      breaker.check()
      scope?.breaker.check()
      return await limiter.acquire({ viewer: call.viewer ?? '', scope: scope?.limits ?? null, signal, deadline })
    } catch (error) {
      report(attempt, 'refused', started, error instanceof Error ? error : null)
      throw error
    }
  }

  /** One exchange; a failure of the transport is an outcome like an answer. */
  async function exchange(attempt: Attempt, credential: Headers): Promise<Outcome> {
    const release = await acquire(attempt)
    const { spec, scope, prepared, signal, call } = attempt
    const { user = null } = spec
    const started = monotonicMs()
    let sent = false
    let reported: UpstreamEvent['outcome'] = 'refused'
    let ended: HttpAnswer | Error | null = null

    async function send(): Promise<Outcome> {
      sent = true
      reported = 'error'
      try {
        const answer = await pool.send(prepared, credential, signal)
        ended = answer
        const blame = blameFor(answer, spec)
        if (answer.status < 300) reported = 'ok'
        if (answer.status === 429) block(rateLimitMs(answer.header, unixMs()), blame, scope)
        return { result: answer, blame }
      } catch (error) {
        if (call.signal.aborted) throw error
        const coded = error instanceof CodedError ? error : transportError(error)
        ended = coded
        return { result: coded, blame: blameForTransport(coded, scope) }
      }
    }

    /** A 429 is no failure: the platform is well, and the limiter keeps to it. */
    const failedBy = ({ result, blame }: Outcome, whose: Blame): boolean =>
      blame === whose && !('status' in result && result.status === 429)
    const ofUpstream = async () => {
      const outcome = await send()
      return { failed: failedBy(outcome, 'upstream'), outcome }
    }
    const ofProvider = async () => {
      const outcome = await breaker.run(ofUpstream, user)
      // While the platform itself fails, nothing is known of the provider.
      return { failed: outcome.blame === 'upstream' ? null : failedBy(outcome, 'provider'), outcome }
    }
    try {
      return scope === null ? await breaker.run(ofUpstream, user) : await scope.breaker.run(ofProvider, user)
    } finally {
      release(sent)
      report(attempt, reported, started, ended)
    }
  }

  function block(ms: number, blame: Blame, scope: ProviderScope | null): void {
    if (blame === 'upstream') limiter.block(ms, null)
    else if (blame === 'provider' && scope !== null) limiter.block(ms, scope.limits)
  }

  async function exchangeWithRetries(attempt: Attempt, credential: Headers): Promise<HttpAnswer> {
    const { spec, prepared, signal, deadline } = attempt
    const { idempotent = prepared.method === 'GET' } = spec
    for (let retried = 0; ; retried++) {
      const { result, blame } = await exchange(attempt, credential)
      const waitMs = waitBefore(result, retried)
      const mayRetry =
        idempotent &&
        retried < retries &&
        blame === 'upstream' &&
        isTransient(result) &&
        monotonicMs() + waitMs < deadline() &&
        budget.take()
      if (mayRetry) await sleep(waitMs, undefined, { signal, ref: false })
      else if ('status' in result) return result
      else throw result
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
    rate,
    async request(spec, call) {
      const prepared = pool.prepare(spec)
      const last = monotonicMs() + timeoutMs
      const deadline = (): number => Math.min(last, call.deadline())
      budget.count()
      const work = (signal: AbortSignal) =>
        authorized({ spec, scope: scopeOf(spec.scope), prepared, call, signal, deadline })
      return withDeadline(call.signal, { timeoutMs, deadline, timedOut: expire }, work)
    },
    state() {
      const { queued, inFlight, blockedMs } = limiter.state()
      return { breaker: breaker.state(), queued, under_way: inFlight, blocked_ms: blockedMs }
    },
    close: () => pool.close(),
  }
}

function blameFor(answer: HttpAnswer, spec: RequestSpec): Blame {
  if (answer.status < 300) return 'none'
  return spec.blame?.(answer) ?? blameByStatus(answer)
}

/** A platform that does not answer in time may be waiting for the provider; a broken connection is its own. */
function blameForTransport({ code }: CodedError, scope: ProviderScope | null): Blame {
  if (code === 'UPSTREAM_PROTOCOL_ERROR') return 'key'
  return code === 'UPSTREAM_TIMEOUT' && scope !== null ? 'provider' : 'upstream'
}

/** Milliseconds before the next attempt: at least what the platform asks for, with jitter. */
function waitBefore(outcome: HttpAnswer | CodedError, retried: number): number {
  const asked = 'status' in outcome ? retryAfterMs(outcome.header, unixMs()) : null
  return Math.max(asked ?? 0, backoffMs(retried))
}
