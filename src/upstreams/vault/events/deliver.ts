/**
 * Delivers events to the application: at least once, in the order of each account, for a day. Any number of processes do
 * this at the same time; a receiver that got an event twice knows it by its `webhook-id`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { monotonicMs, openPool, wireProvider } from '../../kit.ts'
import type { UpstreamDeps } from '../../kit.ts'
import type { VaultOptions } from '../options.ts'
import { signatureHeaders } from './sign.ts'
import type { DueEvent, EventOutbox } from './outbox.ts'

export interface DelivererDeps {
  readonly outbox: EventOutbox
  readonly options: VaultOptions['events']
  readonly observe: UpstreamDeps['observe']
  readonly warn: NonNullable<UpstreamDeps['warn']>
}

export interface Deliverer {
  /** Sends what is due now. Returns how many events were. */
  round(): Promise<number>
  /** Goes on with rounds until `stop`; forgets old events. */
  start(): void
  /** Ends after the round that is under way. */
  stop(): Promise<void>
}

/** Milliseconds between two rounds that found nothing to do, and after a round that failed. */
const TICK_MS = 1000
const FAILED_MS = 5000
const PURGE_MS = 3_600_000
const BATCH = 16
/** Milliseconds: pauses double from the first to the longest. */
const FIRST_PAUSE_MS = 5000
const LONGEST_PAUSE_MS = 3_600_000
const GIVE_UP_MS = 86_400_000

export function createDeliverer({ outbox, options, observe, warn }: DelivererDeps): Deliverer {
  const { url, secrets, timeout_ms: timeoutMs, retention_days: days } = options
  const target = url === undefined ? null : new URL(url)
  const pool =
    target === null
      ? null
      : openPool({
          ...{ baseUrl: target.origin, plainHttp: false, connections: BATCH, connectTimeoutMs: timeoutMs, headers: {} },
        })
  const stopping = new AbortController()
  // One claim is one request, which ends before another process may claim the event.
  const leaseMs = timeoutMs + 5000

  async function round(): Promise<number> {
    if (pool === null) return 0
    const events = await outbox.claim(BATCH, leaseMs)
    await Promise.all(events.map(deliver))
    return events.length
  }

  async function deliver(event: DueEvent): Promise<void> {
    const failure = await post(event)
    if (failure === null) return outbox.delivered(event.id)
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (event.attempts - 1)) * (0.75 + Math.random() / 2)
    if (event.now_ms + pauseMs <= event.created_at_ms + GIVE_UP_MS) return outbox.retry(event.id, pauseMs)
    warn('an event could not be delivered for a day and is given up', { id: event.id, type: event.type, code: failure })
    return outbox.retry(event.id, null)
  }

  /** null: the receiver has taken it. */
  async function post(event: DueEvent): Promise<string | null> {
    if (target === null || pool === null) return 'no_target'
    const started = monotonicMs()
    const body = bodyOf(event)
    const signed = signatureHeaders(secrets, { id: event.id, seconds: Math.floor(event.now_ms / 1000), body })
    const headers = { 'content-type': 'application/json', ...signed }
    const path = target.pathname + target.search
    const answered = await pool
      .exchange({ method: 'POST', path, headers, body }, AbortSignal.timeout(timeoutMs))
      .then(({ status }) => status)
      .catch((error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'failed'))
    const isTaken = typeof answered === 'number' && answered >= 200 && answered < 300
    const reason = typeof answered === 'number' ? `http_${String(answered)}` : answered
    observe({
      ...{
        operation: 'deliver event',
        keys: 1,
        durationMs: monotonicMs() - started,
        outcome: isTaken ? 'ok' : 'error',
      },
      ...(typeof answered === 'number' && { status: answered }),
      ...(!isTaken && { reason }),
    })
    return isTaken ? null : reason
  }

  async function loop(): Promise<void> {
    let purgeAt = 0
    while (!stopping.signal.aborted) {
      let pauseMs = TICK_MS
      try {
        if ((await round()) > 0) pauseMs = 0
        if (monotonicMs() >= purgeAt) {
          await outbox.announceEndings()
          await outbox.purge(days)
          purgeAt = monotonicMs() + PURGE_MS
        }
      } catch (error) {
        warn('events could not be worked on', { reason: error instanceof Error ? error.message : 'unknown' })
        pauseMs = FAILED_MS
      }
      const jitter = 0.5 + Math.random()
      await sleep(pauseMs * jitter, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
    }
  }

  let running: Promise<void> | null = null
  return {
    round,
    start() {
      running ??= loop()
    },
    async stop() {
      stopping.abort()
      await running
      await pool?.close()
    },
  }
}

/** The same members as `connection_events` has, and the envelope of Standard Webhooks. */
function bodyOf({ type, user_id, provider, external_account_id, generation, reason, created_at_ms: at }: DueEvent) {
  return JSON.stringify({
    type: `connection.${type.toLowerCase()}`,
    timestamp: new Date(at).toISOString(),
    data: { user_id, provider: wireProvider(provider), external_account_id, generation, reason },
  })
}
