/**
 * The vault's refreshes on a clock that tests move: the real statements on a real database whose `now` is a table, and a
 * provider that is played from its record. Days pass in milliseconds.
 */
import { randomUUID } from 'node:crypto'
import { reveal, secret } from '../../../src/lib/secret.ts'
import type { Grant, OAuthClient } from '../../../src/upstreams/vault/clients/clients.ts'
import type { Exchanged, TokenEndpoint } from '../../../src/upstreams/vault/clients/token-endpoint.ts'
import { vaultOptions } from '../../../src/upstreams/vault/options.ts'
import { readCatalogue } from '../../../src/upstreams/vault/providers/catalogue.ts'
import type { Provider } from '../../../src/upstreams/vault/providers/provider.ts'
import { createAttempt } from '../../../src/upstreams/vault/refresh/attempt.ts'
import { createClientHealth } from '../../../src/upstreams/vault/refresh/client-health.ts'
import { createKeeper } from '../../../src/upstreams/vault/refresh/keep.ts'
import { createLeases } from '../../../src/upstreams/vault/refresh/leases.ts'
import { createRefresher } from '../../../src/upstreams/vault/refresh/refresher.ts'
import { openSpool } from '../../../src/upstreams/vault/refresh/spool.ts'
import { createWorker } from '../../../src/upstreams/vault/refresh/worker.ts'
import { createKeyring } from '../../../src/upstreams/vault/store/crypto.ts'
import { createReader } from '../../../src/upstreams/vault/store/read.ts'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { createTokenReader } from '../../../src/upstreams/vault/tokens.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

/** What the provider knows of one account. */
export interface PlayedGrant {
  alive: boolean
  current: string
  earlier: Map<string, number>
  access: string
  issuedAt: number
  usedAt: number
  readonly bornAt: number
  /** When it was refreshed. */
  readonly posts: number[]
  /** Requests that the provider's record forbids: too early, or for a token that may still be in use. */
  readonly mistakes: string[]
}

/** A provider played from its record, on the clock `now` (milliseconds). */
function playProvider(provider: Provider, now: () => number) {
  const { refresh } = provider
  const lifetimeSeconds = provider.answer.expiry === 'none' ? null : (provider.access_seconds ?? 3600)
  /** The grant of each token of either kind that was ever issued. */
  const byToken = new Map<string, PlayedGrant>()
  let trouble: (() => Exchanged) | null = null

  function connect(): PlayedGrant {
    const at = now()
    const fresh = { alive: true, current: randomUUID(), earlier: new Map<string, number>(), access: randomUUID() }
    const grant = { ...fresh, issuedAt: at, usedAt: at, bornAt: at, posts: [], mistakes: [] }
    issue(grant)
    return grant
  }

  function issue(grant: PlayedGrant): void {
    byToken.set(grant.current, grant).set(grant.access, grant)
  }

  /** Deaths that need no request. */
  function age(grant: PlayedGrant): void {
    const at = now()
    const isOver = lifetimeSeconds !== null && at - grant.issuedAt >= lifetimeSeconds * 1000
    if (refresh.idle_seconds !== null && at - grant.usedAt > refresh.idle_seconds * 1000) grant.alive = false
    if (refresh.absolute_seconds !== null && at - grant.bornAt > refresh.absolute_seconds * 1000) grant.alive = false
    if (refresh.latest === 'before_expiry' && isOver) grant.alive = false
  }

  function redeem(presented: string): Exchanged {
    const known = byToken.get(presented)
    const isMeant =
      refresh.uses === 'access_token'
        ? known?.access === presented
        : known?.current === presented || known?.earlier.has(presented) === true
    const grant = isMeant ? known : undefined
    const dead: Exchanged = {
      kind: 'error',
      class: 'grant_dead',
      code: 'invalid_grant',
      retryAfterMs: null,
      claims: null,
    }
    if (grant === undefined) return dead
    const at = now()
    grant.posts.push(at)
    age(grant)
    if (!grant.alive) return dead
    const ageMs = at - grant.issuedAt
    const lifetimeMs = (lifetimeSeconds ?? Infinity) * 1000
    const { earliest } = refresh
    if (earliest === 'after_expiry' && ageMs < lifetimeMs) grant.mistakes.push('before its expiry')
    if (earliest !== null && earliest !== 'after_expiry' && ageMs < earliest.min_age_seconds * 1000)
      grant.mistakes.push('younger than allowed')
    if (refresh.kills_access && ageMs < lifetimeMs * 0.9 && refresh.idle_seconds === null)
      grant.mistakes.push('an access token was ended early')
    const replacedAt = grant.earlier.get(presented)
    const { rotation } = refresh
    if (replacedAt !== undefined && rotation !== null && rotation.mode !== 'never') {
      const grace = rotation.grace_seconds
      if (grace !== 'unlimited' && at - replacedAt > grace * 1000) {
        if (rotation.reuse !== 'refused') grant.alive = false
        return dead
      }
    }
    const rotates = refresh.uses === 'refresh_token' && rotation !== null && rotation.mode !== 'never'
    if (rotates) {
      grant.earlier.set(grant.current, at)
      grant.current = randomUUID()
    }
    Object.assign(grant, { access: randomUUID(), issuedAt: at, usedAt: at })
    issue(grant)
    return {
      kind: 'tokens',
      tokens: {
        accessToken: secret(grant.access),
        refreshToken: rotates ? secret(grant.current) : null,
        ...{ idToken: null, tokenType: 'Bearer', scopes: null, refreshExpiresAt: null },
        expiry: {
          expiresAt: lifetimeSeconds === null ? null : Math.floor(at / 1000) + lifetimeSeconds,
          lifetimeSeconds,
          source: 'answer',
        },
      },
      second: null,
      kept: {},
    }
  }

  const endpoint: Pick<TokenEndpoint, 'refresh'> = {
    refresh: ({ refreshToken, accessToken }: Grant) => {
      if (trouble !== null) {
        counted.posts += 1
        return Promise.resolve(trouble())
      }
      counted.posts += 1
      const presented = refresh.uses === 'access_token' ? accessToken : refreshToken
      return Promise.resolve(redeem(presented === null ? '' : reveal(presented)))
    },
  }
  const counted = { posts: 0 }
  return {
    ...{ endpoint, connect, age, counted, lifetimeSeconds },
    /** From now on every request ends so; null: no trouble. */
    setTrouble(how: (() => Exchanged) | null) {
      trouble = how
    },
  }
}

/** A vault at a provider, on a clock that the test moves. `path` is a file that does not exist yet. */
export async function openSimulation(
  path: string,
  provider: Provider,
  refresh: Readonly<Record<string, unknown>> = {},
) {
  const options = vaultOptions.parse({
    path,
    keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
    refresh,
  })
  const store = await openStore(options)
  await store.sql.run('PRAGMA synchronous = OFF')
  await store.sql.run('CREATE TABLE clock (ms INTEGER NOT NULL) STRICT')
  await store.sql.run('INSERT INTO clock VALUES ($1)', [Date.now()])
  const sql = { ...store.sql, dialect: { ...store.sql.dialect, nowMs: '(SELECT ms FROM clock)' } }
  let nowMs = Date.now()
  const played = playProvider(provider, () => nowMs)
  const client: OAuthClient = {
    ...{ name: provider.id, provider, clientId: 'invented', clientSecret: null, privateKey: null },
    ...{ clientAuth: 'none', scopes: [], userScopes: [], values: {}, isDiscovered: false, credentialsId: 'c1' },
  }
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const keyring = createKeyring(options.keys)
  const reader = createReader(sql, () => undefined)
  const leases = createLeases(sql, keyring)
  const spool = openSpool(`${path}-spool`)
  const keeper = createKeeper({
    reader,
    leases,
    spool,
    keyring,
    outbox: { addLate: () => Promise.resolve(false) },
    warn,
  })
  /** Another process, or the same one with other credentials. */
  function openParts(changes: Partial<OAuthClient> = {}) {
    const own = { ...client, ...changes }
    const health = createClientHealth(sql, options.refresh.concurrency)
    const clientOf = () => own
    const attempt = createAttempt({
      ...{ leases, keeper, health, keyring, warn, options: options.refresh, endpointOf: () => played.endpoint },
    })
    const refresher = createRefresher({ reader, leases, keeper, health, attempt, options: options.refresh })
    const worker = createWorker({
      ...{ leases, health, refresher, keeper, spool, clientOf, warn, options: options.refresh, clients: [own] },
    })
    const { read } = createTokenReader({ reader, refresher, leases, keyring, clientOf })
    return { worker, read }
  }
  const parts = openParts()

  async function setTime(ms: number): Promise<void> {
    nowMs = Math.ceil(ms)
    await store.sql.run('UPDATE clock SET ms = $1', [nowMs])
  }

  /** In one transaction. */
  async function connect(userIds: readonly string[]): Promise<readonly PlayedGrant[]> {
    const { lifetimeSeconds } = played
    const connected = userIds.map((userId) => {
      const grant = played.connect()
      const record = accountRecord.parse({
        ...{ user_id: userId, provider: provider.id, external_account_id: 'a1', token: grant.access },
        refresh_token: provider.refresh.uses === 'refresh_token' ? grant.current : null,
        expires_at: lifetimeSeconds === null ? null : Math.floor(nowMs / 1000) + lifetimeSeconds,
      })
      return { grant, record }
    })
    await writeAccounts(
      { ...store, sql },
      connected.map(({ record }) => record),
    )
    return connected.map(({ grant }) => grant)
  }

  return {
    ...{ store, played, openParts, warnings, worker: parts.worker, now: () => nowMs, setTime },
    connect,
    async connectOne(userId: string): Promise<PlayedGrant> {
      const [grant] = await connect([userId])
      if (grant === undefined) throw new Error('one was connected')
      return grant
    },
    /** The code of the problem; null: a token that lives. */
    async read(userId: string): Promise<string | null> {
      const key = { userId, provider: provider.id, credential: null, minValiditySeconds: 30 }
      const [rows] = await parts.read([key], {
        signal: new AbortController().signal,
        deadline: () => Infinity,
        viewer: null,
      })
      if (rows instanceof Error || rows?.[0] === undefined) throw rows instanceof Error ? rows : new Error('no account')
      return rows[0].problem?.code ?? null
    },
    /** Runs the worker at each time at which something is due, until `untilMs`. */
    async runUntil(untilMs: number): Promise<void> {
      for (;;) {
        const [next] = await store.sql.run<{ due: number | null }>('SELECT min(refresh_due_ms) AS due FROM accounts')
        if (next?.due == null || next.due > untilMs) break
        // A worker looks once in a second.
        await setTime(Math.max(nowMs + 1000, next.due))
        await parts.worker.round()
      }
      await setTime(Math.max(nowMs, untilMs))
    },
    async close() {
      await store.close()
    },
  }
}

export type Simulation = Awaited<ReturnType<typeof openSimulation>>

export function providerNamed(id: string): Provider {
  const found = readCatalogue().get(id)
  if (found === undefined) throw new Error(`there is no provider ${id}`)
  return found
}
