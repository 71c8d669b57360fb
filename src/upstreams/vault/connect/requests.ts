/**
 * The connections that users are making, one row each (docs/connect.md). What browsers hold is kept as a digest; the rest
 * that is secret is sealed under a row key. Every step is one statement that only the right status lets through, so that
 * a step is taken once, whichever process the browser reaches.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { bareProvider, CodedError, reveal, secret, wireProvider } from '../../kit.ts'
import type { AccountKey, ConnectionRequest, ConnectionStatus } from '../../kit.ts'
import { newRowKey, sealField, unsealField, unwrapRowKey, wrapRowKey } from '../store/crypto.ts'
import type { Keyring, RowIdentity } from '../store/crypto.ts'
import { registerActiveKey } from '../store/keys.ts'
import type { Store } from '../store/store.ts'

/** What a request holds that nobody may read: all of it is text. */
export interface RequestSecrets {
  readonly state: string
  /** Of our own PKCE towards the provider (RFC 7636); of OAuth 1.0a: empty. */
  readonly verifier: string
  /** Of the ID token (OpenID Connect Core section 3.1.2.1). */
  readonly nonce: string
  /** Whom the provider may suggest. */
  readonly loginHint?: string
  /** The token of OAuth 1.0a for the request, and its secret. */
  readonly requestToken?: readonly [token: string, secret: string]
  /** What the provider sent with the browser. */
  readonly code?: string
  /** Parameters of the callback that API calls need later. */
  readonly kept?: Readonly<Record<string, string>>
}

/** A row, its secrets still sealed. */
export interface RequestRow {
  readonly id: string
  readonly cookie_digest: string | null
  readonly user_id: string
  /** As in accounts: `oauth_google`. */
  readonly provider: string
  readonly client: string
  readonly external_account_id: string | null
  /** A JSON array: everything that is asked for. */
  readonly scopes: string
  readonly return_to: string
  readonly challenge: string
  readonly completion_digest: string | null
  readonly completion_until_ms: number | null
  readonly status: Exclude<ConnectionStatus, 'EXPIRED'> | 'FINISHING'
  readonly code: string | null
  /** What the finish came to, as JSON; null: it has not. */
  readonly outcome: string | null
  readonly key_id: string
  readonly wrapped_key: Uint8Array
  readonly sealed: Uint8Array
  readonly expires_at_ms: number
  /** By the clock of the database. */
  readonly now_ms: number
}

export type NewRequest = Pick<
  RequestRow,
  'user_id' | 'provider' | 'client' | 'external_account_id' | 'scopes' | 'return_to' | 'challenge'
>

export interface Requests {
  /** Returns the id and the end, in milliseconds since 1970. */
  create(request: NewRequest, secrets: RequestSecrets): Promise<{ readonly id: string; readonly expiresAtMs: number }>
  /** What an account that is connected again had asked for; null: there is no such account. */
  scopesBefore(account: AccountKey): Promise<readonly string[] | null>
  find(id: string): Promise<RequestRow | null>
  findByState(state: string): Promise<RequestRow | null>
  /** Binds a request that is open to the browser that opened it last. */
  bind(row: RequestRow, cookieDigest: string, secrets: RequestSecrets): Promise<boolean>
  /** The browser is back with a code, which the holder of `completion` may use. */
  returned(row: RequestRow, secrets: RequestSecrets, completion: string): Promise<boolean>
  /** The browser is back without one, or the code was refused. */
  end(row: RequestRow, status: 'DENIED' | 'FAILED', code: string): Promise<boolean>
  /** Takes a request that has returned; false: another finish has. */
  take(row: RequestRow): Promise<boolean>
  /** Gives it back: the code is unspent. */
  release(row: RequestRow): Promise<void>
  finished(row: RequestRow, status: 'FINISHED' | 'FAILED', outcome: object, code: string | null): Promise<void>
  secretsOf(row: RequestRow): RequestSecrets
}

/** Milliseconds for the user at the provider, and then for the application. */
const OPEN_MS = 600_000
const COMPLETION_MS = 60_000

const columns = [
  ...['id', 'cookie_digest', 'user_id', 'provider', 'client', 'external_account_id', 'scopes', 'return_to'],
  ...['challenge', 'completion_digest', 'completion_until_ms', 'status', 'code', 'outcome', 'key_id', 'wrapped_key'],
  ...['sealed', 'expires_at_ms'],
]

/** 256 random bits in the alphabet of URLs. */
export function randomText(): string {
  return randomBytes(32).toString('base64url')
}

export function digestOf(text: string): string {
  return hash('sha256', text, 'base64url')
}

export function isDigestOf(text: string, digest: string | null): boolean {
  return digest !== null && timingSafeEqual(Buffer.from(digestOf(text)), Buffer.from(digest))
}

/** Each client has its own, so that what one provider sends never counts for another (RFC 9700 section 4.4.2). */
export function redirectUriOf(publicUrl: string, client: string): string {
  return `${publicUrl}/connect/callback/${client}`
}

/** What the callback names the request by: of OAuth 1.0a, the token of the request. */
function stateOf({ state, requestToken }: RequestSecrets): string {
  return requestToken?.[0] ?? state
}

export function scopesOf({ scopes }: Pick<RequestRow, 'scopes'>): readonly string[] {
  return JSON.parse(scopes) as readonly string[]
}

/** A code of the provider that can be shown and logged; null: it is none. */
export function shortCode(code: string): string | null {
  return /^[\w.-]{1,64}$/.test(code) ? code : null
}

export function createRequests({ sql, keyring }: Pick<Store, 'sql' | 'keyring'>): Requests {
  const { run, dialect } = sql
  const { nowMs: now } = dialect
  const table = dialect.table('connect_requests')
  const isOpen = `status = 'PENDING' AND expires_at_ms > ${now}`
  const wiped = `key_id = '', wrapped_key = $3, sealed = $3`
  const select = `SELECT ${columns.join(', ')}, ${now} AS now_ms FROM ${table}`
  const nothing = new Uint8Array(0)

  async function changes(text: string, values: Parameters<typeof run>[1]): Promise<boolean> {
    return (await run(`${text} RETURNING id`, values)).length > 0
  }

  return {
    async create(request, secrets) {
      await registerActiveKey(run, dialect, keyring)
      const id = randomText()
      const sealed = seal({ ...request, id }, secrets, keyring)
      const {
        user_id: user,
        provider,
        client,
        external_account_id: account,
        scopes,
        return_to: to,
        challenge,
      } = request
      const [row] = await run<{ readonly expires_at_ms: number }>(
        `INSERT INTO ${table} (id, state_digest, user_id, provider, client, external_account_id, scopes, return_to,
           challenge, status, key_id, wrapped_key, sealed, created_at_ms, expires_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'PENDING', $10, $11, $12, ${now}, ${now} + ${String(OPEN_MS)})
         RETURNING expires_at_ms`,
        [
          ...[id, digestOf(secrets.state), user, provider, client, account, scopes, to, challenge],
          ...[sealed.key_id, sealed.wrapped_key, sealed.sealed],
        ],
      )
      return { id, expiresAtMs: row?.expires_at_ms ?? 0 }
    },
    async scopesBefore({ userId, provider, externalAccountId }) {
      const [row] = await run<{ readonly scopes: string | null }>(
        `SELECT COALESCE(scopes_requested, scopes) AS scopes FROM ${dialect.table('accounts')}
         WHERE user_id = $1 AND provider = $2 AND external_account_id = $3`,
        [userId, wireProvider(provider), externalAccountId],
      )
      const known: unknown = row === undefined ? null : JSON.parse(row.scopes ?? '[]')
      return Array.isArray(known) ? known.filter((scope) => typeof scope === 'string') : null
    },
    async find(id) {
      const [row = null] = await run<RequestRow>(`${select} WHERE id = $1`, [id])
      return row
    },
    async findByState(state) {
      const [row = null] = await run<RequestRow>(`${select} WHERE state_digest = $1`, [digestOf(state)])
      return row
    },
    bind(row, cookieDigest, secrets) {
      const sealed = seal(row, secrets, keyring)
      return changes(
        `UPDATE ${table} SET cookie_digest = $2, key_id = $3, wrapped_key = $4, sealed = $5, state_digest = $6 WHERE id = $1 AND ${isOpen}`,
        [row.id, cookieDigest, sealed.key_id, sealed.wrapped_key, sealed.sealed, digestOf(stateOf(secrets))],
      )
    },
    returned(row, secrets, completion) {
      const { key_id: keyId, wrapped_key: wrapped, sealed } = seal(row, secrets, keyring)
      return changes(
        `UPDATE ${table} SET status = 'RETURNED', completion_digest = $2, key_id = $3, wrapped_key = $4, sealed = $5,
           completion_until_ms = ${now} + ${String(COMPLETION_MS)} WHERE id = $1 AND ${isOpen}`,
        [row.id, digestOf(completion), keyId, wrapped, sealed],
      )
    },
    end(row, status, code) {
      return changes(`UPDATE ${table} SET status = $2, code = $4, ${wiped} WHERE id = $1 AND ${isOpen}`, [
        ...[row.id, status, nothing, code],
      ])
    },
    take(row) {
      return changes(
        `UPDATE ${table} SET status = 'FINISHING' WHERE id = $1 AND status = 'RETURNED' AND completion_until_ms > ${now}`,
        [row.id],
      )
    },
    async release(row) {
      await run(`UPDATE ${table} SET status = 'RETURNED' WHERE id = $1 AND status = 'FINISHING'`, [row.id])
    },
    async finished(row, status, outcome, code) {
      await run(
        `UPDATE ${table} SET status = $2, outcome = $4, code = $5, ${wiped} WHERE id = $1 AND status = 'FINISHING'`,
        [row.id, status, nothing, JSON.stringify(outcome), code],
      )
    },
    secretsOf: (row) => unseal(row, keyring),
  }
}

/** What callers may know of a row. */
export function describeRequest(row: RequestRow): ConnectionRequest {
  const { id, user_id: userId, provider, code, expires_at_ms: until } = row
  return {
    ...{ id, userId, code, status: statusOf(row) },
    provider: bareProvider(provider),
    expiresAt: Math.floor(until / 1000),
  }
}

export function statusOf(row: RequestRow): ConnectionStatus {
  const { status, now_ms: now, expires_at_ms: until, completion_until_ms: completion } = row
  if (status === 'PENDING' && until <= now) return 'EXPIRED'
  // A finish that was cut off leaves this behind: its code may be spent.
  const isOver = completion !== null && completion <= now
  if (status === 'RETURNED' || status === 'FINISHING') return isOver ? 'EXPIRED' : 'RETURNED'
  return status
}

/** Sealed as an account is, and never to be taken for one. */
function identityOf({ id, user_id: user, provider }: Pick<RequestRow, 'id' | 'user_id' | 'provider'>): RowIdentity {
  return { row_id: `connect_request ${id}`, user_id: user, provider, external_account_id: '', generation: 1 }
}

type Named = Pick<RequestRow, 'id' | 'user_id' | 'provider'>

function seal(row: Named, secrets: RequestSecrets, keyring: Keyring) {
  const [identity, rowKey] = [identityOf(row), newRowKey()]
  return {
    key_id: keyring.active.id,
    wrapped_key: wrapRowKey(keyring.active, identity, rowKey),
    sealed: sealField(rowKey, identity, 'extras', JSON.stringify(secrets)),
  }
}

function unseal(row: RequestRow, keyring: Keyring): RequestSecrets {
  const ring = keyring.byId.get(row.key_id)
  if (ring === undefined)
    throw new CodedError('INTERNAL_SERVER_ERROR', 'A connection request needs a key that is not configured.')
  const identity = identityOf(row)
  const text = secret(unsealField(unwrapRowKey(ring, identity, row.wrapped_key), identity, 'extras', row.sealed))
  return JSON.parse(reveal(text)) as RequestSecrets
}
