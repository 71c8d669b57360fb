/** Records ↔ rows: which columns are plain, and which are sealed. In rows, providers have their wire names. */
import type { KeyObject } from 'node:crypto'
import {
  account,
  bareProvider,
  CodedError,
  reveal,
  safeJsonObject,
  secret,
  token,
  toUnixSeconds,
  wireProvider,
} from '../kit.ts'
import type { ExternalAccount, JsonObject, OAuthAccessToken, Secret } from '../kit.ts'
import { newRowKey, sealField, unsealField, unwrapRowKey, wrapRowKey } from './crypto.ts'
import type { Keyring, RowIdentity, SealedField } from './crypto.ts'
import type { AccountRecord } from './record.ts'

/** The columns that identify a row and hold its documented object. */
export interface TokenRow extends RowIdentity {
  readonly provider_user_id: string
  readonly expires_at: number | null
  readonly public_metadata: string
  readonly label: string | null
  readonly scopes: string | null
  readonly key_id: string
  readonly wrapped_key: Uint8Array
  readonly token: Uint8Array
  readonly token_secret: Uint8Array | null
  readonly id_token: Uint8Array | null
}

/** The columns without a secret. */
export interface ProfileRow {
  readonly user_id: string
  readonly provider: string
  readonly external_account_id: string
  readonly provider_user_id: string
  readonly public_metadata: string
  readonly label: string | null
  readonly scopes: string | null
  readonly email_address: string | null
  readonly username: string | null
  readonly first_name: string | null
  readonly last_name: string | null
  readonly image_url: string | null
  readonly created_at: number
  readonly updated_at: number
}

export type FullRow = TokenRow &
  ProfileRow & { readonly client: string | null; readonly refresh_token: Uint8Array | null }

/** Throws `CodedError` when the row is damaged or its key is not in the ring. */
export function decodeToken(row: TokenRow, keyring: Keyring): OAuthAccessToken {
  const unseal = openRow(row, keyring)
  return token({
    external_account_id: row.external_account_id,
    provider_user_id: row.provider_user_id,
    token: unseal('token', row.token),
    expires_at: row.expires_at === null ? null : toUnixSeconds(row.expires_at),
    provider: bareProvider(row.provider),
    public_metadata: parseMetadata(row.public_metadata),
    label: row.label,
    scopes: parseScopes(row.scopes),
    token_secret: row.token_secret && unseal('token_secret', row.token_secret),
    id_token: row.id_token && unseal('id_token', row.id_token),
  })
}

export function decodeProfile(row: ProfileRow): ExternalAccount {
  return account({
    id: row.external_account_id,
    provider: bareProvider(row.provider),
    provider_user_id: row.provider_user_id,
    email_address: row.email_address,
    username: row.username,
    first_name: row.first_name,
    last_name: row.last_name,
    image_url: row.image_url,
    label: row.label,
    approved_scopes: parseScopes(row.scopes),
    public_metadata: parseMetadata(row.public_metadata),
    created_at: toUnixSeconds(row.created_at),
    updated_at: toUnixSeconds(row.updated_at),
  })
}

/** Everything that the row holds, the refresh token included. Throws as `decodeToken` does. */
export function decodeRecord(row: FullRow, keyring: Keyring): AccountRecord {
  const decoded = decodeToken(row, keyring)
  return {
    ...decoded,
    scopes: decoded.scopes && [...decoded.scopes],
    user_id: row.user_id,
    refresh_token: row.refresh_token && openRow(row, keyring)('refresh_token', row.refresh_token),
    client: row.client,
    email_address: row.email_address,
    username: row.username,
    first_name: row.first_name,
    last_name: row.last_name,
    image_url: row.image_url,
  }
}

/** The primary key of the account's row. */
export function primaryKeyOf(record: AccountRecord): readonly [userId: string, provider: string, accountId: string] {
  return [record.user_id, wireProvider(record.provider), record.external_account_id]
}

/** The columns of a record, sealed under a new row key. */
export function encodeRecord(record: AccountRecord, rowId: string, keyring: Keyring) {
  const [userId, provider, accountId] = primaryKeyOf(record)
  const row = { row_id: rowId, user_id: userId, provider, external_account_id: accountId }
  const rowKey = newRowKey()
  const sealed = (field: SealedField) => sealSecret(rowKey, row, field, record[field])
  return {
    ...row,
    provider_user_id: record.provider_user_id,
    expires_at: record.expires_at,
    public_metadata: JSON.stringify(record.public_metadata),
    label: record.label,
    scopes: record.scopes && JSON.stringify(record.scopes),
    email_address: record.email_address ?? null,
    username: record.username ?? null,
    first_name: record.first_name ?? null,
    last_name: record.last_name ?? null,
    image_url: record.image_url ?? null,
    client: record.client ?? null,
    key_id: keyring.active.id,
    wrapped_key: wrapRowKey(keyring.active, row, rowKey),
    token: sealed('token'),
    token_secret: sealed('token_secret'),
    id_token: sealed('id_token'),
    refresh_token: sealed('refresh_token'),
  }
}

function sealSecret(key: KeyObject, row: RowIdentity, field: SealedField, value: Secret | null | undefined) {
  return value ? sealField(key, row, field, reveal(value)) : null
}

function openRow(row: TokenRow, keyring: Keyring): (field: SealedField, blob: Uint8Array) => Secret {
  const ring = keyring.byId.get(row.key_id)
  if (ring === undefined)
    throw new CodedError('INTERNAL_SERVER_ERROR', 'A stored account needs a key that is not configured.')
  const rowKey = unwrapRowKey(ring, row, row.wrapped_key)
  return (field, blob) => secret(unsealField(rowKey, row, field, blob))
}

// Both columns only decorate: what cannot be read there costs no token.
function parseMetadata(json: string): JsonObject {
  return safeJsonObject(parseColumn(json))
}

function parseScopes(json: string | null): readonly string[] | null {
  const scopes = json === null ? null : parseColumn(json)
  return Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string') ? scopes : null
}

function parseColumn(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}
