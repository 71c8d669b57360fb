/**
 * How the vault keeps secrets (docs/promises.md S12, docs/adr/0003-vault-encryption.md): AES-256-GCM under a random data
 * key for each row, which a key of the ring wraps. Associated data binds a ciphertext to its row, user, provider, account,
 * field and generation, so that one that was moved, or brought back after a rotation, does not decrypt. A blob is: version
 * byte, 12-byte IV, ciphertext, 16-byte tag. Version 1 is without the generation, and valid in the first one only.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CodedError, reveal } from '../../kit.ts'
import type { Secret } from '../../kit.ts'

const LABEL = 'tokengraph-vault/1'
/** Of row keys, key checks and the fields of vaults before generations. */
const VERSION = 1
/** Of fields. */
const FIELD_VERSION = 2
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
  /** Counts the writes of tokens. */
  readonly generation: number
}

export const sealedFields = ['token', 'token_secret', 'id_token', 'refresh_token', 'extras'] as const
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
  return seal(rowKey, Buffer.from(text), fieldData(row, field, FIELD_VERSION), FIELD_VERSION)
}

/** Throws `CodedError` when the blob is damaged, moved or sealed by another key. */
export function unsealField(rowKey: KeyObject, row: RowIdentity, field: SealedField, blob: Uint8Array): string {
  const version = row.generation === 0 && blob[0] === VERSION ? VERSION : FIELD_VERSION
  return unseal(rowKey, blob, fieldData(row, field, version), version).toString()
}

/** A ciphertext that shows a later start whether the secret of a key id is still the same. */
export function sealKeyCheck(ring: RingKey): Uint8Array {
  return seal(ring.key, Buffer.from(CHECK_TEXT), checkData(ring))
}

/** Throws `CodedError` where the check was sealed with another secret. */
export function openKeyCheck(ring: RingKey, check: Uint8Array): void {
  unseal(ring.key, check, checkData(ring))
}

function wrapData(ring: RingKey, row: RowIdentity): string {
  return boundTo('row key', row, ring.id)
}

// Without the key id: a rotation wraps the row key again and does not change the fields.
function fieldData(row: RowIdentity, field: SealedField, version: number): string {
  return version === VERSION ? boundTo('field', row, field) : boundTo('field', row, field, row.generation)
}

function checkData(ring: RingKey): string {
  return JSON.stringify([LABEL, 'vault_keys', 'check', ring.id])
}

// A JSON array: in joined strings, a character could move from one part to the next.
function boundTo(purpose: string, row: RowIdentity, name: string, ...generation: readonly number[]): string {
  const { row_id, user_id, provider, external_account_id } = row
  const names = [row_id, user_id, provider, external_account_id, name]
  return JSON.stringify([LABEL, 'accounts', purpose, ...names, ...generation])
}

function seal(key: KeyObject, plain: Uint8Array, associated: string, version = VERSION): Uint8Array {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(associated))
  return Buffer.concat([Uint8Array.of(version), iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function unseal(key: KeyObject, blob: Uint8Array, associated: string, version = VERSION): Buffer {
  try {
    if (blob[0] !== version) throw new Error('The ciphertext is of an unknown version.')
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
