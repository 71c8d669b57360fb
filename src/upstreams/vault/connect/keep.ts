/** The account that a finished connection becomes: one transaction, in which nobody else keeps the same account. */
import { randomUUID } from 'node:crypto'
import { bareProvider, parseJson, safeJsonObject } from '../../kit.ts'
import type { FinishedConnection, Secret } from '../../kit.ts'
import type { OAuthClient } from '../clients/clients.ts'
import type { VaultOptions } from '../options.ts'
import type { TokenSet } from '../read-answer.ts'
import { dueIn } from '../refresh/due.ts'
import { primaryKeyOf } from '../store/rows.ts'
import type { FullRow } from '../store/rows.ts'
import { writing } from '../store/sql.ts'
import type { Run } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { prepareWrite } from '../store/write.ts'
import type { Identity } from './identity.ts'
import type { RequestRow } from './requests.ts'

/** What came of a consent. */
export interface Consent {
  readonly request: RequestRow
  readonly client: OAuthClient
  readonly tokens: TokenSet
  /** Of OAuth 1.0a; null: of OAuth 2.0. */
  readonly tokenSecret: Secret | null
  readonly kept: Readonly<Record<string, string>>
  /** null: the provider does not say who it is. */
  readonly identity: Identity | null
  readonly asked: readonly string[]
  /** Whole Unix seconds. */
  readonly nowSeconds: number
  readonly allowsDifferentAccount: boolean
}

export type Kept =
  | { readonly status: 'CONNECTED'; readonly externalAccountId: string }
  | { readonly status: Extract<FinishedConnection['status'], 'DIFFERENT_ACCOUNT' | 'OWNED_BY_ANOTHER_USER'> }

export function keepAccount(
  store: Store,
  { shared_accounts: shared }: Pick<NonNullable<VaultOptions['connect']>, 'shared_accounts'>,
  consent: Consent,
): Promise<Kept> {
  const { sql } = store
  const { request, identity } = consent
  const accounts = sql.dialect.table('accounts')

  return writing(sql, () =>
    sql.transaction(async (run): Promise<Kept> => {
      if (identity !== null && sql.dialect.lockName !== null)
        await run(sql.dialect.lockName, [`${request.provider}\n${identity.id}`])
      const known = await findKnown(run)
      if (known !== null && isAnother(known, consent)) return { status: 'DIFFERENT_ACCOUNT' }
      if (shared === 'refuse' && (await isOwned(run))) return { status: 'OWNED_BY_ANOTHER_USER' }
      const externalAccountId = known?.external_account_id ?? request.external_account_id ?? `eac_${randomUUID()}`
      await write(run, externalAccountId, known)
      return { status: 'CONNECTED', externalAccountId }
    }),
  )

  /** The account that is connected again: the one that was named, or the same account of the provider. */
  async function findKnown(run: Run): Promise<FullRow | null> {
    const { user_id: user, provider, external_account_id: named } = request
    const own = `SELECT * FROM ${accounts} WHERE user_id = $1 AND provider = $2`
    if (named !== null) {
      const [row = null] = await run<FullRow>(`${own} AND external_account_id = $3`, [user, provider, named])
      return row
    }
    if (identity === null) return null
    const [row = null] = await run<FullRow>(`${own} AND provider_user_id = $3 AND COALESCE(client, $4) = $4`, [
      ...[user, provider, identity.id, request.client],
    ])
    return row
  }

  async function isOwned(run: Run): Promise<boolean> {
    if (identity === null) return false
    const others = await run(
      `SELECT 1 AS found FROM ${accounts} WHERE provider = $1 AND provider_user_id = $2 AND user_id <> $3 LIMIT 1`,
      [request.provider, identity.id, request.user_id],
    )
    return others.length > 0
  }

  async function write(run: Run, externalAccountId: string, known: FullRow | null): Promise<void> {
    const { tokens, client, nowSeconds, asked } = consent
    const { expiry } = tokens
    // A provider that gives a refresh token at the first consent alone: the one before lives on with the grant.
    const livesOn = known !== null && (known.state === 'ACTIVE' || known.state === 'AMBIGUOUS')
    const record = {
      external_account_id: externalAccountId,
      provider_user_id: identity?.id ?? known?.provider_user_id ?? '',
      token: tokens.accessToken,
      expires_at: expiry.expiresAt,
      provider: bareProvider(request.provider),
      public_metadata: safeJsonObject(known === null ? {} : parseJson(known.public_metadata)),
      label: identity?.label ?? known?.label ?? null,
      scopes: [...(tokens.scopes ?? asked)],
      token_secret: consent.tokenSecret,
      id_token: tokens.idToken,
      user_id: request.user_id,
      refresh_token: tokens.refreshToken ?? (livesOn ? undefined : null),
      client: client.name,
      extras: consent.kept,
    }
    await prepareWrite(run, store)([record], 'each')
    const lifetimeMs = expiry.lifetimeSeconds === null ? null : expiry.lifetimeSeconds * 1000
    const isRenewed = client.provider.refresh.uses !== 'refresh_token' || record.refresh_token !== null
    const dueMs = isRenewed ? dueIn(client.provider, { lifetimeMs, ageMs: 0, isUsed: true }, Math.random()) : null
    await run(
      `UPDATE ${accounts} SET issued_at_ms = $4, lifetime_seconds = $5, refresh_expires_at = $6, scopes_requested = $7,
         refresh_due_ms = ${sql.dialect.nowMs} + CAST($8 AS BIGINT)
       WHERE user_id = $1 AND provider = $2 AND external_account_id = $3`,
      [
        ...primaryKeyOf(record),
        ...[nowSeconds * 1000, expiry.lifetimeSeconds, tokens.refreshExpiresAt, JSON.stringify(asked), dueMs],
      ],
    )
  }
}

/** A reconnection is for the account that it names. */
function isAnother(known: FullRow, { identity, allowsDifferentAccount }: Consent): boolean {
  if (identity === null || known.provider_user_id === '' || allowsDifferentAccount) return false
  return known.provider_user_id !== identity.id
}

/** What a revocation needs of tokens that were not kept. */
export function secretsOfConsent({ tokens, tokenSecret, kept }: Consent) {
  return {
    token: tokens.accessToken,
    token_secret: tokenSecret,
    id_token: null,
    refresh_token: tokens.refreshToken,
    extras: kept,
  }
}
