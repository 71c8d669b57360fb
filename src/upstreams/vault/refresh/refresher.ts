/**
 * One refresh of one account, exactly once across requests, processes and machines:
 *
 *   lease → read under it → write the attempt → present the refresh token → store the answer → judge it
 *
 * Whoever does not get the lease waits and reads again, and never refreshes without one. A refresh belongs to no caller:
 * one that leaves does not stop it. docs/adr/0012-vault-refresh.md has the crash table and the sources.
 */
import { hash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError, monotonicMs, reveal } from '../../kit.ts'
import type { Call, UpstreamDeps } from '../../kit.ts'
import type { AnswerOutcome } from '../read-answer.ts'
import type { Exchanged, Grant, OAuthClient, TokenEndpoint } from '../clients/token-endpoint.ts'
import type { VaultOptions } from '../options.ts'
import type { Keyring } from '../store/crypto.ts'
import type { Reader, ReadRow } from '../store/read.ts'
import { openSecrets, sealSecrets } from '../store/rows.ts'
import type { OpenSecrets } from '../store/rows.ts'
import type { ClientHealth } from './client-health.ts'
import { isOldEnough, isRenewable, leftOf, pauseMs, verdictOn } from './decide.ts'
import type { Verdict } from './decide.ts'
import { dueIn } from './due.ts'
import type { Ending, Fresh, Leases } from './leases.ts'
import type { Spool, Spooled } from './spool.ts'

export interface RefresherDeps {
  readonly reader: Reader
  readonly leases: Leases
  readonly health: ClientHealth
  readonly spool: Spool
  readonly keyring: Keyring
  readonly options: VaultOptions['refresh']
  endpointOf(client: OAuthClient): TokenEndpoint
  readonly warn: NonNullable<UpstreamDeps['warn']>
}

export interface Refresher {
  /** The row as it is after the refresh, by whomever; the same row where none can be had now. Rejects with `CodedError`. */
  refresh(row: ReadRow, client: OAuthClient): Promise<ReadRow>
  /** The same for a row whose lease `owner` has already; `isUsed`: whether it counts as in use. */
  refreshLeased(row: ReadRow, client: OAuthClient, owner: string, isUsed: boolean): Promise<void>
  /** Moves spooled tokens into the database. Rejects where it does not take them; they stay in the spool. */
  drain(): Promise<void>
  /** Waits for the refreshes under way, each bounded by its deadline. */
  settle(): Promise<void>
}

/** Milliseconds between two looks at a row that somebody else refreshes: doubled up to the longest. */
const FIRST_LOOK_MS = 50
const LONGEST_LOOK_MS = 400
/** Milliseconds that storing an answer may take at the end of a lease. */
const STORING_MS = 1000
/** What a row that may have been rotated is looked at again for, within its grace. */
const AMBIGUOUS_PAUSE_MS = 1000
/** Milliseconds for which a client pauses where the provider limits it and does not say for how long. */
const RATE_PAUSE_MS = 10_000

/** What a refresh works with. */
interface Attempt {
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

export function createRefresher(deps: RefresherDeps): Refresher {
  const { reader, leases, health, spool, keyring, options, endpointOf, warn } = deps
  const { post_timeout_ms: postMs, wait_ms: waitMs, lease_ms: leaseMs } = options
  const flights = new Map<string, Promise<ReadRow>>()
  const running = new Set<Promise<unknown>>()

  function track<T>(work: Promise<T>): Promise<T> {
    running.add(work)
    const forget = (): void => {
      running.delete(work)
    }
    work.then(forget, forget)
    return work
  }

  /** One at a time for each row of this process. */
  function refresh(row: ReadRow, client: OAuthClient): Promise<ReadRow> {
    const known = flights.get(row.row_id)
    if (known !== undefined) return known
    const flight = track(lead(row, client)).finally(() => flights.delete(row.row_id))
    flights.set(row.row_id, flight)
    return flight
  }

  async function lead(first: ReadRow, client: OAuthClient): Promise<ReadRow> {
    const until = monotonicMs() + waitMs
    const call: Pick<Call, 'deadline'> = { deadline: () => until }
    let row = first
    for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(LONGEST_LOOK_MS, lookMs * 2)) {
      const spooled = spool.get(row.row_id)
      if (spooled !== null) return asRow(row, spooled)
      const led = await health.inTurn(client, () => claimAndAttempt(row, client))
      if (led !== null) return led
      // Somebody else refreshes it, or has: wait for that, and never without an end.
      if (monotonicMs() + lookMs > until) throw new CodedError('UPSTREAM_TIMEOUT')
      await sleep(lookMs * (0.75 + Math.random() / 2), undefined, { ref: false })
      const seen = await reader.row(row.row_id, call)
      if (seen === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
      if (seen.generation !== row.generation || !isRenewable(seen, client.provider)) return seen
      const isHeld = (seen.lease_until_ms ?? 0) >= seen.now_ms
      if (!isHeld && (seen.next_attempt_ms ?? 0) > seen.now_ms) return seen
      row = seen
    }
  }

  /** null: somebody else has the lease, or the row has changed. */
  async function claimAndAttempt(row: ReadRow, client: OAuthClient): Promise<ReadRow | null> {
    const refusal = await health.gate(client)
    if (refusal !== null) throw refusedNow(refusal)
    const owner = randomUUID()
    const claimed = await leases.claim(row, owner, leaseMs)
    return claimed === null ? null : attempt(claimed, client, owner, true)
  }

  /** Under the lease: whatever happens, the row is left in a state that says what happened. */
  async function attempt(row: ReadRow, client: OAuthClient, owner: string, isUsed: boolean): Promise<ReadRow> {
    const { provider } = client
    const verdict = verdictOn(row, provider.refresh.rotation, row.now_ms)
    const mayPost = verdict !== 'hold' && isRenewable(row, provider) && isOldEnough(row, provider.refresh.earliest, row.now_ms)
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
      await leases.release(row, owner, failed(row, { class: 'sealed', code: null }, { clearsAttempt: false, asked: null }))
      throw error
    }
    const presented = provider.refresh.uses === 'access_token' ? secrets.token : secrets.refresh_token
    if (presented === null) return row
    const digest = hash('sha256', JSON.stringify([row.row_id, reveal(presented)]), 'base64url')
    return present({ row, client, owner, isUsed, secrets, verdict, startedMs: row.now_ms, digest, times: 0 })
  }

  async function present(work: Attempt): Promise<ReadRow> {
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

  async function conclude(work: Attempt, answer: Exchanged): Promise<ReadRow> {
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
  async function store(work: Attempt, { tokens, kept }: Tokens): Promise<ReadRow> {
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
    const stored = await keep({ identity: row, fresh: sealFor(row, next, life), dueMs }, row)
    if (await health.accepted(client)) warn('the provider accepts the client again', named(client))
    return stored
  }

  function sealFor(row: ReadRow, secrets: OpenSecrets, life: Omit<Fresh, keyof ReturnType<typeof sealSecrets>>): Fresh {
    return { ...life, ...sealSecrets(secrets, { ...row, generation: row.generation + 1 }, keyring) }
  }

  /** Into the database, or into the spool where it does not take them. Returns the row that counts from now on. */
  async function keep(entry: Spooled, row: ReadRow): Promise<ReadRow> {
    try {
      return await commit(entry, row)
    } catch (error) {
      if (error instanceof CodedError && error.code === 'REAUTHORIZATION_REQUIRED') throw error
      const isOnDisk = spool.put(entry)
      warn('new tokens could not be stored and wait in the spool', {
        ...placeOf(row),
        on_disk: isOnDisk ? 'yes' : 'no: they are lost if this process ends',
      })
      return asRow(row, entry)
    }
  }

  async function commit(entry: Spooled, row: ReadRow): Promise<ReadRow> {
    if (await leases.commit(entry.identity, entry.fresh, entry.dueMs)) return asRow(row, entry)
    const current = await again(row)
    if (current === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
    // Of two answers to one refresh token, the one that was asked for later is the live one.
    const isOvertaken =
      current.source_digest !== entry.fresh.source_digest ||
      (current.source_started_ms ?? 0) >= entry.fresh.source_started_ms
    if (isOvertaken) {
      warn('new tokens came too late: others were stored meanwhile', placeOf(row))
      return current
    }
    const opened = openSecrets({ ...row, ...entry.fresh, generation: entry.identity.generation + 1 }, keyring)
    const fresh = sealFor(current, opened, lifeOf(entry.fresh))
    return commit({ ...entry, identity: current, fresh }, current)
  }

  /** Nobody knows whether the provider spent the refresh token. */
  async function doubt(work: Attempt, answer: Extract<Exchanged, { kind: 'ambiguous' }>): Promise<ReadRow> {
    const { row, client, owner, secrets, startedMs, digest } = work
    if (answer.refreshToken !== null) {
      const next = { ...secrets, refresh_token: answer.refreshToken }
      const life = { ...lifeOf(row), source_digest: digest, source_started_ms: startedMs }
      return keep({ identity: row, fresh: sealFor(row, next, life), dueMs: AMBIGUOUS_PAUSE_MS }, row)
    }
    const { rotation } = client.provider.refresh
    const current = (await again(row)) ?? row
    if (current.generation !== row.generation) return current
    const isSafe = ['post', 'replay'].includes(verdictOn(current, rotation, current.now_ms))
    const mayRotate = rotation !== null && rotation.mode !== 'never'
    const leaseLeftMs = (current.lease_until_ms ?? 0) - current.now_ms
    // Inside the grace the same request brings the answer that was lost.
    if (isSafe && mayRotate && work.times === 1 && leaseLeftMs > postMs + 2 * STORING_MS) return present(work)
    if (mayRotate) warn('a refresh token may have been spent without an answer', { ...placeOf(row), attempt: work.times })
    const ending = failed(row, { class: 'ambiguous', code: answer.code }, { clearsAttempt: !mayRotate, asked: answer.retryAfterMs })
    const pauseMs = isSafe && mayRotate ? AMBIGUOUS_PAUSE_MS : ending.nextAttemptMs
    const state = mayRotate ? 'AMBIGUOUS' : ending.state
    return end(row, owner, { ...ending, state, nextAttemptMs: pauseMs, dueMs: pauseMs })
  }

  /** The provider refused, in words. */
  async function refuse(work: Attempt, answer: Refused, clearsAttempt: boolean): Promise<ReadRow> {
    const { row, client, owner, verdict } = work
    const failure = { class: answer.class, code: answer.code }
    const asked = answer.retryAfterMs
    switch (answer.class) {
      case 'grant_dead':
      case 'step_up': {
        const current = await again(row)
        if (current === null || current.generation !== row.generation) return current ?? row
        const isAlive = leftOf(current, current.now_ms) > 0
        const wasSpent = verdict !== 'post' || work.times > 1
        const reason = answer.class === 'step_up' ? 'STEP_UP' : wasSpent ? 'AMBIGUOUS_ROTATION' : 'GRANT_DEAD'
        const state = isAlive ? 'EXPIRING' : 'REAUTHORIZATION_REQUIRED'
        warn('the provider ended the grant: the user has to consent again', { ...placeOf(row), reason, code: answer.code ?? '' })
        return end(row, owner, { state, reason, failure, clearsAttempt: true, nextAttemptMs: null, dueMs: null })
      }
      case 'client_bad': {
        if (await health.refused(client, row.row_id, answer.code))
          warn('the provider refuses the client: correct its credentials', { ...named(client), code: answer.code ?? '' })
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

  function again(row: Pick<ReadRow, 'row_id'>): Promise<ReadRow | null> {
    const until = monotonicMs() + STORING_MS * 5
    return reader.row(row.row_id, { deadline: () => until })
  }

  return {
    refresh,
    async refreshLeased(row, client, owner, isUsed) {
      await track(
        health.inTurn(client, async () => {
          const refusal = await health.gate(client)
          if (refusal === null) return attempt(row, client, owner, isUsed)
          const { retryAfterMs } = refusal
          await leases.release(row, owner, {
            ...unchanged(row),
            clearsAttempt: false,
            nextAttemptMs: null,
            dueMs: retryAfterMs,
          })
          return row
        }),
      )
    },
    async drain() {
      for (const entry of spool.entries()) {
        const row = await again(entry.identity)
        try {
          if (row !== null) await commit(entry, row)
        } catch (error) {
          if (!(error instanceof CodedError)) throw error
        }
        spool.remove(entry.identity.row_id)
      }
    },
    async settle() {
      while (running.size > 0) await Promise.allSettled(running)
    },
  }
}

/** The row with the tokens that an entry holds. */
function asRow(row: ReadRow, { identity, fresh }: Spooled): ReadRow {
  return { ...row, ...fresh, generation: identity.generation + 1, state: 'ACTIVE', state_reason: null, next_attempt_ms: null }
}

function lifeOf(row: Pick<ReadRow, 'expires_at' | 'scopes' | 'issued_at_ms' | 'lifetime_seconds' | 'refresh_expires_at' | 'source_digest' | 'source_started_ms'>) {
  const { expires_at, scopes, issued_at_ms, lifetime_seconds, refresh_expires_at, source_digest, source_started_ms } = row
  return {
    expires_at,
    scopes,
    issued_at_ms: issued_at_ms ?? 0,
    lifetime_seconds,
    refresh_expires_at,
    source_digest: source_digest ?? '',
    source_started_ms: source_started_ms ?? 0,
  }
}

function unchanged({ state, state_reason: reason }: ReadRow): Pick<Ending, 'state' | 'reason' | 'failure'> {
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

function refusedNow({ failure, retryAfterMs }: { failure: 'client_bad' | 'rate'; retryAfterMs: number }): CodedError {
  const code = failure === 'rate' ? 'UPSTREAM_RATE_LIMITED' : 'UPSTREAM_REJECTED'
  return new CodedError(code, undefined, { retry_after_ms: Math.ceil(retryAfterMs) })
}

function placeOf({ row_id, provider }: Pick<ReadRow, 'row_id' | 'provider'>) {
  return { row_id, provider }
}

function named({ name, provider }: OAuthClient) {
  return { client: name, provider: provider.id }
}
