/**
 * How the vault keeps secrets (docs/promises.md S12, docs/adr/0003-vault-encryption.md): AES-256-GCM under a random data
 * key for each row, which a key of the ring wraps. Associated data binds a ciphertext to its row, user, provider, account
 * and field, so that a moved ciphertext does not decrypt. A blob is: version byte, 12-byte IV, ciphertext, 16-byte tag.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { CodedError, reveal } from '../kit.ts'
import type { Secret } from '../kit.ts'

const LABEL = 'tokengraph-vault/1'
const VERSION = 1
const KEY_BYTES = 32
// NIST SP 800-38D section 5.2.1.1 recommends 96-bit IVs; random ones are safe for a data key that seals a few fields.
const IV_BYTES = 12
const TAG_BYTES = 16
const ALGORITHM = 'aes-256-gcm'
const CHECK_TEXT = 'tokengraph vault key check'

/** The columns that a ciphertext is bound to, beside its field; `provider` is the name in the row, `oauth_google`. */
export interface RowIdentity {
  readonly row_id: string
  readonly user_id: string
  readonly provider: string
  readonly external_account_id: string
}

export const sealedFields = ['token', 'token_secret', 'id_token', 'refresh_token'] as const
export type SealedField = (typeof sealedFields)[number]

/** A key of the ring, ready to wrap row keys. */
export interface RingKey {
  readonly id: string
  readonly key: KeyObject
}

/** HKDF-SHA256 (RFC 5869); with the id in `info`, two ids with one secret give different keys. */
export function deriveRingKey(id: string, secret: Secret): RingKey {
  const bytes = hkdfSync('sha256', reveal(secret), '', JSON.stringify([LABEL, 'ring key', id]), KEY_BYTES)
  return { id, key: createSecretKey(Buffer.from(bytes)) }
}

/** A random data key for one row. */
export function newRowKey(): KeyObject {
  return createSecretKey(randomBytes(KEY_BYTES))
}

export function wrapRowKey(ring: RingKey, row: RowIdentity, rowKey: KeyObject): Uint8Array {
  return seal(ring.key, rowKey.export(), wrapData(ring, row))
}

/** Throws `CodedError` when the blob is damaged, moved or wrapped by another key. */
export function unwrapRowKey(ring: RingKey, row: RowIdentity, blob: Uint8Array): KeyObject {
  return createSecretKey(unseal(ring.key, blob, wrapData(ring, row)))
}

export function sealField(rowKey: KeyObject, row: RowIdentity, field: SealedField, text: string): Uint8Array {
  return seal(rowKey, Buffer.from(text), fieldData(row, field))
}

/** Throws `CodedError` when the blob is damaged, moved or sealed by another key. */
export function unsealField(rowKey: KeyObject, row: RowIdentity, field: SealedField, blob: Uint8Array): string {
  return unseal(rowKey, blob, fieldData(row, field)).toString()
}

/** A ciphertext that shows a later start whether the secret of a key id is still the same. */
function sealKeyCheck(ring: RingKey): Uint8Array {
  return seal(ring.key, Buffer.from(CHECK_TEXT), checkData(ring))
}

function wrapData(ring: RingKey, row: RowIdentity): string {
  return boundTo('row key', row, ring.id)
}

// Without the key id: a rotation wraps the row key again and does not change the fields.
function fieldData(row: RowIdentity, field: SealedField): string {
  return boundTo('field', row, field)
}

function checkData(ring: RingKey): string {
  return JSON.stringify([LABEL, 'vault_keys', 'check', ring.id])
}

// A JSON array: in joined strings, a character could move from one part to the next.
function boundTo(purpose: string, row: RowIdentity, name: string): string {
  const { row_id, user_id, provider, external_account_id } = row
  return JSON.stringify([LABEL, 'accounts', purpose, row_id, user_id, provider, external_account_id, name])
}

function seal(key: KeyObject, plain: Uint8Array, associated: string): Uint8Array {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(associated))
  return Buffer.concat([Uint8Array.of(VERSION), iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function unseal(key: KeyObject, blob: Uint8Array, associated: string): Buffer {
  try {
    if (blob[0] !== VERSION) throw new Error('The ciphertext is of an unknown version.')
    const tagStart = blob.length - TAG_BYTES
    const decipher = createDecipheriv(ALGORITHM, key, blob.subarray(1, 1 + IV_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(associated)).setAuthTag(blob.subarray(tagStart))
    return Buffer.concat([decipher.update(blob.subarray(1 + IV_BYTES, tagStart)), decipher.final()])
  } catch (cause) {
    throw new CodedError('INTERNAL_SERVER_ERROR', 'A stored account could not be decrypted.', {}, { cause })
  }
}

/** The keys that the operator configured. */
export interface Keyring {
  /** The first: wraps what is written. The others only unwrap what they once wrapped. */
  readonly active: RingKey
  readonly byId: ReadonlyMap<string, RingKey>
}

/** Derives every key once; throws `Error` for an empty ring or for two keys of one id. */
export function createKeyring(keys: readonly { readonly id: string; readonly secret: Secret }[]): Keyring {
  const [first] = keys
  if (first === undefined) throw new Error('The vault needs at least one key in `keys`.')
  const repeated = findRepeatedId(keys)
  if (repeated !== null) throw new Error(`The vault has two keys with the id ${repeated}; every id must be its own.`)
  const active = deriveRingKey(first.id, first.secret)
  const others = keys.slice(1).map((key) => deriveRingKey(key.id, key.secret))
  return { active, byId: new Map([active, ...others].map((key) => [key.id, key])) }
}

/** The first id that occurs twice, or null. */
export function findRepeatedId(keys: readonly { readonly id: string }[]): string | null {
  const ids = keys.map((key) => key.id)
  return ids.find((id, index) => ids.indexOf(id) !== index) ?? null
}

/**
 * Checks at start-up, and not at the first read, that the keys fit the file. Throws `Error` that names the key id when a
 * secret is wrong, or when rows need a key that is not configured.
 */
export function checkKeys(database: DatabaseSync, keyring: Keyring): void {
  const rows = database.prepare('SELECT key_id, key_check FROM vault_keys ORDER BY key_id').all()
  const known = new Map(rows.map((row) => [row.key_id as string, row.key_check as Uint8Array]))
  for (const [id, check] of known) {
    const key = keyring.byId.get(id)
    if (key === undefined) refuseIfUsed(database, id)
    else verifySecret(key, check)
  }
}

/** Records the key that will wrap new rows, if the file does not know it. */
export function registerActiveKey(database: DatabaseSync, keyring: Keyring): void {
  const { active } = keyring
  if (database.prepare('SELECT 1 FROM vault_keys WHERE key_id = ?').get(active.id) !== undefined) return
  database
    .prepare('INSERT INTO vault_keys (key_id, key_check, created_at) VALUES (?, ?, unixepoch()) ON CONFLICT DO NOTHING')
    .run(active.id, sealKeyCheck(active))
}

/** How many rows a key wraps. */
export function countRows(database: DatabaseSync, keyId: string): number {
  return Number(database.prepare('SELECT count(*) AS rows FROM accounts WHERE key_id = ?').get(keyId)?.rows)
}

function verifySecret(key: RingKey, check: Uint8Array): void {
  try {
    unseal(key.key, check, checkData(key))
  } catch (cause) {
    throw new Error(
      `the secret of key ${key.id} is not the one that this file was written with; configure the original secret, ` +
        'or give the new secret a new id and keep the old key after it',
      { cause },
    )
  }
}

function refuseIfUsed(database: DatabaseSync, id: string): void {
  const rows = countRows(database, id)
  if (rows === 0) return
  throw new Error(
    `${rows} ${rows === 1 ? 'account needs' : 'accounts need'} key ${id}, which is not in \`keys\`; ` +
      'add it after the first key, and remove it when `tokengraph vault rotate-keys` says so',
  )
}
