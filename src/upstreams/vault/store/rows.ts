/** Records ↔ rows: which columns are plain, and which are sealed. In rows, providers have their wire names. */
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
} from '../../kit.ts'
import type { ExternalAccount, JsonObject, OAuthAccessToken, Secret } from '../../kit.ts'
import { newRowKey, sealField, unsealField, unwrapRowKey, wrapRowKey } from './crypto.ts'
import type { Keyring, RowIdentity, SealedField } from './crypto.ts'
import type { AccountRecord } from './record.ts'

export type AccountState = 'ACTIVE' | 'EXPIRING' | 'AMBIGUOUS' | 'REAUTHORIZATION_REQUIRED'

/** The life of the tokens of a row. `…_ms` are milliseconds since 1970; the rest are whole seconds. */
export interface LifeRow {
  readonly client: string | null
  readonly state: AccountState
  readonly state_reason: string | null
  readonly state_since_ms: number | null
  readonly issued_at_ms: number | null
  readonly lifetime_seconds: number | null
  readonly refresh_expires_at: number | null
  readonly lease_owner: string | null
  readonly lease_until_ms: number | null
  readonly attempt_started_ms: number | null
  readonly attempt_digest: string | null
  readonly source_digest: string | null
  readonly source_started_ms: number | null
  readonly attempts: number
  readonly next_attempt_ms: number | null
  readonly refresh_due_ms: number | null
  readonly last_error_class: string | null
  readonly last_error_code: string | null
  readonly last_error_ms: number | null
  readonly last_used_ms: number | null
  /** A JSON array: what connections asked for; null: none is known. */
  readonly scopes_requested: string | null
}

/** Without secrets. */
const lifeColumns = [
  ...['client', 'state', 'state_reason', 'state_since_ms', 'issued_at_ms', 'lifetime_seconds', 'refresh_expires_at'],
  ...['lease_owner', 'lease_until_ms', 'attempt_started_ms', 'attempt_digest', 'source_digest', 'source_started_ms'],
  ...['attempts', 'next_attempt_ms', 'refresh_due_ms', 'last_error_class', 'last_error_code', 'last_error_ms'],
  ...['last_used_ms', 'scopes_requested'],
] as const satisfies readonly (keyof LifeRow)[]

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
export interface ProfileRow extends Pick<
  LifeRow,
  'state' | 'state_reason' | 'state_since_ms' | 'last_error_class' | 'last_error_ms'
> {
  readonly expires_at: number | null
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

/** The columns that a refresh reads. */
export interface GrantRow extends TokenRow, LifeRow {
  readonly refresh_token: Uint8Array | null
  readonly extras: Uint8Array | null
}

/** A row, and the database's clock when it was read: milliseconds since 1970. */
export type ReadRow = GrantRow & { readonly now_ms: number }

export const grantColumns = [
  ...['row_id', 'user_id', 'provider', 'external_account_id', 'generation', 'provider_user_id', 'expires_at'],
  ...['public_metadata', 'label', 'scopes', 'key_id', 'wrapped_key', 'token', 'token_secret', 'id_token'],
  ...['refresh_token', 'extras', ...lifeColumns],
] as const satisfies readonly (keyof GrantRow)[]

export const profileColumns = [
  ...['user_id', 'provider', 'external_account_id', 'provider_user_id', 'public_metadata', 'label', 'scopes'],
  ...['email_address', 'username', 'first_name', 'last_name', 'image_url', 'created_at', 'updated_at'],
  ...['state', 'state_reason', 'state_since_ms', 'last_error_class', 'last_error_ms', 'expires_at'],
] as const satisfies readonly (keyof ProfileRow)[]

export type FullRow = GrantRow & ProfileRow

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
    needs_reauthorization: row.state === 'REAUTHORIZATION_REQUIRED',
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
    extras: row.extras && parseExtras(openRow(row, keyring)('extras', row.extras)),
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

/** Which row a record becomes, at the next generation. */
export function identify(record: AccountRecord, rowId: string, generation: number): RowIdentity {
  const [userId, provider, accountId] = primaryKeyOf(record)
  return { row_id: rowId, user_id: userId, provider, external_account_id: accountId, generation }
}

/** The columns of a record, sealed under a new row key. */
export function encodeRecord(record: AccountRecord, row: RowIdentity, keyring: Keyring) {
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
    ...sealSecrets(record, row, keyring),
  }
}

/** What only the vault sees in plain text. */
export interface RowSecrets {
  readonly token: Secret
  readonly token_secret?: Secret | null | undefined
  readonly id_token?: Secret | null | undefined
  readonly refresh_token?: Secret | null | undefined
  /** What API calls need beside the token, such as `instance_url`. */
  readonly extras?: Readonly<Record<string, string>> | null | undefined
}

/** The same as they are stored: what is absent is null. */
export type OpenSecrets = { readonly [Field in keyof RowSecrets]-?: Exclude<RowSecrets[Field], undefined> }

/** The sealed columns of a row, under a new row key. */
export function sealSecrets(secrets: RowSecrets, row: RowIdentity, keyring: Keyring) {
  const rowKey = newRowKey()
  const sealed = (field: SealedField, value: Secret | null | undefined) =>
    value ? sealField(rowKey, row, field, reveal(value)) : null
  const { extras } = secrets
  return {
    key_id: keyring.active.id,
    wrapped_key: wrapRowKey(keyring.active, row, rowKey),
    token: sealField(rowKey, row, 'token', reveal(secrets.token)),
    token_secret: sealed('token_secret', secrets.token_secret),
    id_token: sealed('id_token', secrets.id_token),
    refresh_token: sealed('refresh_token', secrets.refresh_token),
    extras: extras ? sealField(rowKey, row, 'extras', JSON.stringify(extras)) : null,
  }
}

type SealedRow = RowIdentity & Pick<GrantRow, 'key_id' | 'wrapped_key'>

/** What `sealSecrets` sealed. Throws as `decodeToken` does. */
export function openSecrets(row: SealedRow & Pick<GrantRow, SealedField>, keyring: Keyring): OpenSecrets {
  const unseal = openRow(row, keyring)
  const optional = (field: SealedField, blob: Uint8Array | null) => blob && unseal(field, blob)
  return {
    token: unseal('token', row.token),
    token_secret: optional('token_secret', row.token_secret),
    id_token: optional('id_token', row.id_token),
    refresh_token: optional('refresh_token', row.refresh_token),
    extras: row.extras && parseExtras(unseal('extras', row.extras)),
  }
}

function parseExtras(json: Secret): Readonly<Record<string, string>> {
  return JSON.parse(reveal(json)) as Readonly<Record<string, string>>
}

function openRow(row: SealedRow, keyring: Keyring): (field: SealedField, blob: Uint8Array) => Secret {
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
