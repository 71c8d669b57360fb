/**
 * One attempt at a refresh, under a lease:
 *
 *   read → write the attempt → present the refresh token → store the answer → judge it
 *
 * Whatever happens, the row is left in a state that says what happened (docs/adr/0006-leases-and-generations.md has the crash
 * table and the sources).
 */
import type { UpstreamDeps } from '../../kit.ts'
import type { Grant, OAuthClient } from '../clients/clients.ts'
import type { Exchanged, TokenEndpoint } from '../clients/token-endpoint.ts'
import type { VaultOptions } from '../options.ts'
import type { AnswerOutcome } from '../read-answer.ts'
import type { Keyring } from '../store/crypto.ts'
import type { ReadRow } from '../store/read.ts'
import { openSecrets } from '../store/rows.ts'
import type { OpenSecrets } from '../store/rows.ts'
import type { ClientHealth } from './client-health.ts'
import { isOldEnough, isRenewable, leftOf, pauseMs, verdictOn } from './decide.ts'
import type { Verdict } from './decide.ts'
import { dueIn } from './due.ts'
import { digestOf, lifeOf, placeOf } from './keep.ts'
import type { Keeper } from './keep.ts'
import type { Ending, Leases } from './leases.ts'

export interface AttemptDeps {
  readonly leases: Leases
  readonly keeper: Keeper
  readonly health: ClientHealth
  readonly keyring: Keyring
  readonly options: VaultOptions['refresh']
  endpointOf(client: OAuthClient): Pick<TokenEndpoint, 'refresh'>
  readonly warn: NonNullable<UpstreamDeps['warn']>
}

/** Refreshes the row whose lease `owner` has; `isUsed`: whether it counts as in use. Returns the row as it is then. */
export type Attempt = (row: ReadRow, client: OAuthClient, owner: string, isUsed: boolean) => Promise<ReadRow>

/** Milliseconds that storing an answer may take at the end of a lease. */
const STORING_MS = 1000
/** What a row that may have been rotated is looked at again for, within its grace. */
const AMBIGUOUS_PAUSE_MS = 1000
/** Milliseconds for which a client pauses where the provider limits it and does not say for how long. */
const RATE_PAUSE_MS = 10_000

/** What a refresh works with. */
interface Presented {
  readonly row: ReadRow
  readonly client: OAuthClient
  readonly owner: string
  readonly isUsed: boolean
  readonly secrets: OpenSecrets
  readonly verdict: Verdict
  /** When the refresh token is presented, by the clock of the database. */
  readonly startedMs: number
  readonly digest: string
  /** How many times it was presented under this lease. */
  readonly times: number
}

type Tokens = Extract<AnswerOutcome, { kind: 'tokens' }>
type Refused = Extract<AnswerOutcome, { kind: 'error' }>

export function createAttempt({ leases, keeper, health, keyring, options, endpointOf, warn }: AttemptDeps): Attempt {
  const { post_timeout_ms: postMs } = options
  const { again } = keeper

  /** Under the lease: whatever happens, the row is left in a state that says what happened. */
  async function attempt(row: ReadRow, client: OAuthClient, owner: string, isUsed: boolean): Promise<ReadRow> {
    const { provider } = client
    const verdict = verdictOn(row, provider.refresh.rotation, row.now_ms)
    const mayPost =
      verdict !== 'hold' && isRenewable(row, provider) && isOldEnough(row, provider.refresh.earliest, row.now_ms)
    if (!mayPost) {
      const dueMs = Math.max(1000, Math.min(leftOf(row, row.now_ms), 86_400_000))
      await leases.release(row, owner, { ...unchanged(row), clearsAttempt: false, nextAttemptMs: null, dueMs })
      return row
    }
    // Before the refresh token leaves: a key that does not open would lose what comes back for it.
    let secrets: OpenSecrets
    try {
      secrets = openSecrets(row, keyring)
    } catch (error) {
      await leases.release(
        row,
        owner,
        failed(row, { class: 'sealed', code: null }, { clearsAttempt: false, asked: null }),
      )
      throw error
    }
    const presented = provider.refresh.uses === 'access_token' ? secrets.token : secrets.refresh_token
    if (presented === null) return row
    const digest = digestOf(row, presented)
    return present({ row, client, owner, isUsed, secrets, verdict, startedMs: row.now_ms, digest, times: 0 })
  }

  async function present(work: Presented): Promise<ReadRow> {
    const { row, client, owner, secrets, digest } = work
    const startedMs = await leases.begin(row, owner, digest, postMs + STORING_MS)
    if (startedMs === null) return (await again(row)) ?? row
    const grant: Grant = {
      refreshToken: secrets.refresh_token,
      accessToken: secrets.token,
      scopes: row.scopes === null ? null : (JSON.parse(row.scopes) as string[]),
      kept: secrets.extras ?? {},
      earlierLifetimeSeconds: row.lifetime_seconds,
      nowSeconds: Math.floor(startedMs / 1000),
    }
    const answered = await endpointOf(client).refresh(grant, postMs)
    return conclude({ ...work, startedMs, times: work.times + 1 }, answered)
  }

  async function conclude(work: Presented, answer: Exchanged): Promise<ReadRow> {
    const { row, owner, verdict } = work
    // The evidence of an earlier attempt stays until the provider has spoken.
    const clearsAttempt = verdict === 'post'
    switch (answer.kind) {
      case 'tokens':
        return store(work, answer)
      case 'not_sent': {
        const failure = { class: 'unreachable', code: null }
        return end(row, owner, failed(row, failure, { clearsAttempt: clearsAttempt && work.times === 1, asked: null }))
      }
      case 'ambiguous':
        return doubt(work, answer)
      case 'error':
        return refuse(work, answer, clearsAttempt && work.times === 1)
    }
  }

  /** Saves first: whatever is wrong with the rest of the answer, the refresh token in it is the live one. */
  async function store(work: Presented, { tokens, kept }: Tokens): Promise<ReadRow> {
    const { row, client, secrets, digest, startedMs } = work
    const { expiry } = tokens
    const next: OpenSecrets = {
      token: tokens.accessToken,
      refresh_token: tokens.refreshToken ?? secrets.refresh_token,
      id_token: tokens.idToken ?? secrets.id_token,
      token_secret: secrets.token_secret,
      extras: Object.keys(kept).length > 0 ? { ...secrets.extras, ...kept } : secrets.extras,
    }
    const life = {
      expires_at: expiry.expiresAt,
      scopes: tokens.scopes === null ? row.scopes : JSON.stringify(tokens.scopes),
      issued_at_ms: startedMs,
      lifetime_seconds: expiry.lifetimeSeconds,
      refresh_expires_at: tokens.refreshExpiresAt ?? (tokens.refreshToken === null ? row.refresh_expires_at : null),
      source_digest: digest,
      source_started_ms: startedMs,
    }
    const lifetimeMs = expiry.lifetimeSeconds === null ? null : expiry.lifetimeSeconds * 1000
    const dueMs = dueIn(client.provider, { lifetimeMs, ageMs: 0, isUsed: work.isUsed }, Math.random())
    const stored = await keeper.keep(row, next, life, dueMs)
    if (await health.accepted(client)) warn('the provider accepts the client again', named(client))
    return stored
  }

  /** Nobody knows whether the provider spent the refresh token. */
  async function doubt(work: Presented, answer: Extract<Exchanged, { kind: 'ambiguous' }>): Promise<ReadRow> {
    const { row, client, owner, secrets, startedMs, digest } = work
    if (answer.refreshToken !== null) {
      const next = { ...secrets, refresh_token: answer.refreshToken }
      const life = { ...lifeOf(row), source_digest: digest, source_started_ms: startedMs }
      return keeper.keep(row, next, life, AMBIGUOUS_PAUSE_MS)
    }
    const { rotation } = client.provider.refresh
    const current = (await again(row)) ?? row
    if (current.generation !== row.generation) return current
    const isSafe = ['post', 'replay'].includes(verdictOn(current, rotation, current.now_ms))
    const mayRotate = rotation !== null && rotation.mode !== 'never'
    const leaseLeftMs = (current.lease_until_ms ?? 0) - current.now_ms
    // Inside the grace the same request brings the answer that was lost.
    if (isSafe && mayRotate && work.times === 1 && leaseLeftMs > postMs + 2 * STORING_MS) return present(work)
    if (mayRotate)
      warn('a refresh token may have been spent without an answer', { ...placeOf(row), attempt: work.times })
    const ending = failed(
      row,
      { class: 'ambiguous', code: answer.code },
      { clearsAttempt: !mayRotate, asked: answer.retryAfterMs },
    )
    const pauseMs = isSafe && mayRotate ? AMBIGUOUS_PAUSE_MS : ending.nextAttemptMs
    const state = mayRotate ? 'AMBIGUOUS' : ending.state
    return end(row, owner, { ...ending, state, nextAttemptMs: pauseMs, dueMs: pauseMs })
  }

  /** The provider refused, in words. */
  async function refuse(work: Presented, answer: Refused, clearsAttempt: boolean): Promise<ReadRow> {
    const { row, client, owner, verdict } = work
    const failure = { class: answer.class, code: answer.code }
    const asked = answer.retryAfterMs
    switch (answer.class) {
      case 'grant_dead':
      case 'step_up': {
        const current = await again(row)
        if (current?.generation !== row.generation) return current ?? row
        const isAlive = leftOf(current, current.now_ms) > 0
        const wasSpent = verdict !== 'post' || work.times > 1
        const reason = answer.class === 'step_up' ? 'STEP_UP' : wasSpent ? 'AMBIGUOUS_ROTATION' : 'GRANT_DEAD'
        const state = isAlive ? 'EXPIRING' : 'REAUTHORIZATION_REQUIRED'
        warn('the provider ended the grant: the user has to consent again', {
          ...placeOf(row),
          reason,
          code: answer.code ?? '',
        })
        return end(row, owner, { state, reason, failure, clearsAttempt: true, nextAttemptMs: null, dueMs: null })
      }
      case 'client_bad': {
        if (await health.refused(client, row.row_id, answer.code))
          warn('the provider refuses the client: correct its credentials', {
            ...named(client),
            code: answer.code ?? '',
          })
        return end(row, owner, failed(row, failure, { clearsAttempt, asked }))
      }
      case 'rate':
        await health.limited(client, asked ?? RATE_PAUSE_MS)
        return end(row, owner, failed(row, failure, { clearsAttempt, asked: asked ?? RATE_PAUSE_MS }))
      case 'config':
        warn('the provider does not accept the request: check the client and its provider', {
          ...named(client),
          code: answer.code ?? '',
        })
        return end(row, owner, failed(row, failure, { clearsAttempt, asked }))
    }
  }

  async function end(row: ReadRow, owner: string, ending: Ending): Promise<ReadRow> {
    await leases.release(row, owner, ending)
    return (await again(row)) ?? row
  }

  return attempt
}

/** The state of a row that nothing happened to. */
export function unchanged({ state, state_reason: reason }: ReadRow): Pick<Ending, 'state' | 'reason' | 'failure'> {
  return { state, reason, failure: null }
}

/** A failure that ends nothing: the same state, and another attempt after a pause. */
function failed(
  row: ReadRow,
  failure: NonNullable<Ending['failure']>,
  { clearsAttempt, asked }: { readonly clearsAttempt: boolean; readonly asked: number | null },
): Ending {
  const nextAttemptMs = pauseMs(failure.class, row.attempts, asked, Math.random())
  const { state, reason } = unchanged(row)
  return { state, reason, failure, clearsAttempt, nextAttemptMs, dueMs: nextAttemptMs }
}

function named({ name, provider }: OAuthClient) {
  return { client: name, provider: provider.id }
}
