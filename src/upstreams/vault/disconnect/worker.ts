/**
 * Asks providers to revoke what accounts held. Any number of processes do this at the same time: each claims what is due.
 * A revocation may be repeated, so that a crash after the request costs one more request and nothing else.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../kit.ts'
import type { UpstreamDeps } from '../../kit.ts'
import type { Grant, OAuthClient } from '../clients/clients.ts'
import type { TokenEndpoint } from '../clients/token-endpoint.ts'
import type { Keyring } from '../store/crypto.ts'
import { openSecrets } from '../store/rows.ts'
import type { Outbox, PendingRow } from './outbox.ts'
import type { Revoked } from './request.ts'

export interface RevokerDeps {
  readonly outbox: Outbox
  readonly keyring: Keyring
  /** Milliseconds that one request may take. */
  readonly timeoutMs: number
  /** The client of a row; null: none is configured. */
  clientOf(row: Pick<PendingRow, 'provider' | 'client'>): OAuthClient | null
  endpointOf(client: OAuthClient): Pick<TokenEndpoint, 'revoke'>
  readonly warn: NonNullable<UpstreamDeps['warn']>
}

export interface Revoker {
  /** Asks for what is due now. Returns how many revocations were. */
  round(): Promise<number>
  /** Asks for one revocation, if nobody has yet. */
  revoke(id: string): Promise<void>
  /** Goes on with rounds until `stop`. */
  start(): void
  /** Ends after the round that is under way. */
  stop(): Promise<void>
}

/** Milliseconds between two rounds that found nothing to do, and after a round that failed. */
const TICK_MS = 1000
const FAILED_MS = 5000
const BATCH = 16
/** Milliseconds: pauses double from the first to the longest, for as long as a grant is worth asking for. */
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 1_800_000
const GIVE_UP_MS = 86_400_000

export function createRevoker({ outbox, keyring, timeoutMs, clientOf, endpointOf, warn }: RevokerDeps): Revoker {
  const stopping = new AbortController()
  // A lease outlives the requests of a claim: there are two of them where the first kind of token is refused.
  const leaseMs = timeoutMs + 5000

  async function round(): Promise<number> {
    const rows = await outbox.claim(BATCH, leaseMs)
    await Promise.all(rows.map(attempt))
    return rows.length
  }

  async function attempt(row: PendingRow): Promise<void> {
    const client = clientOf(row)
    const outcome = client === null ? missing : await ask(row, client)
    if (outcome.kind === 'revoked') return outbox.end(row.id, 'REVOKED', null)
    if (outcome.kind === 'unsupported') return outbox.end(row.id, 'UNSUPPORTED', outcome.code)
    const pauseMs = Math.max(pauseAfter(row.attempts), outcome.retryAfterMs ?? 0)
    if (row.now_ms + pauseMs <= row.created_at_ms + GIVE_UP_MS) return outbox.retry(row.id, pauseMs, outcome.code)
    warn('a grant could not be revoked and lives on at the provider', placeOf(row, outcome.code))
    return outbox.end(row.id, 'FAILED', outcome.code)
  }

  async function ask(row: PendingRow, client: OAuthClient): Promise<Revoked> {
    try {
      const secrets = openSecrets({ ...blank, ...row }, keyring)
      const grant: Grant = {
        refreshToken: secrets.refresh_token,
        accessToken: secrets.token,
        scopes: null,
        kept: secrets.extras ?? {},
        earlierLifetimeSeconds: null,
        nowSeconds: Math.floor(row.now_ms / 1000),
      }
      return await endpointOf(client).revoke(grant, timeoutMs)
    } catch (error) {
      if (error instanceof CodedError) return { kind: 'retry', code: 'sealed', retryAfterMs: null }
      throw error
    }
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      let pauseMs = TICK_MS
      try {
        if ((await round()) > 0) pauseMs = 0
      } catch (error) {
        warn('revocations could not be worked on', { reason: error instanceof Error ? error.message : 'unknown' })
        pauseMs = FAILED_MS
      }
      const jitter = 0.5 + Math.random()
      await sleep(pauseMs * jitter, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
    }
  }

  let running: Promise<void> | null = null
  return {
    round,
    async revoke(id) {
      await Promise.all((await outbox.claim(1, leaseMs, id)).map(attempt))
    },
    start() {
      running ??= loop()
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** A client that is configured again within a day still revokes. */
const missing: Revoked = { kind: 'retry', code: 'no_client', retryAfterMs: null }

/** The columns of an account that a revocation does not keep. */
const blank = { token_secret: null, id_token: null } as const

function pauseAfter(attempts: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1)) * (0.75 + Math.random() / 2)
}

function placeOf({ user_id: user, provider, external_account_id: account }: PendingRow, code: string) {
  return { user, provider, account, code }
}
