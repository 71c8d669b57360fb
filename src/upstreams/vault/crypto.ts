/**
 * How the vault keeps secrets (TRUST S12): AES-256-GCM under a random data key for each row, itself wrapped by a key of
 * the ring. Associated data binds every ciphertext to its row, user, provider, account and field, so that one which is
 * moved elsewhere does not decrypt. A blob is: version byte, 12-byte IV, ciphertext, 16-byte tag.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CodedError } from '../../errors.ts'
import { reveal } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'

const LABEL = 'tokengraph-vault/1'
const VERSION = 1
const KEY_BYTES = 32
// NIST SP 800-38D section 5.2.1.1 recommends 96-bit IVs; random ones are safe for a data key that seals a few fields.
const IV_BYTES = 12
const TAG_BYTES = 16
const ALGORITHM = 'aes-256-gcm'
const CHECK_TEXT = 'tokengraph vault key check'

/** What a ciphertext belongs to, beside its field. */
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

/** HKDF-SHA256 (RFC 5869): the id in `info` gives two ids with one secret different keys. */
export function deriveRingKey(id: string, secret: Secret): RingKey {
  const bytes = hkdfSync('sha256', reveal(secret), '', JSON.stringify([LABEL, 'ring key', id]), KEY_BYTES)
  return { id, key: createSecretKey(Buffer.from(bytes)) }
}

/** A fresh data key for one row. */
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

/** A ciphertext by which a later start can tell that the secret of a key id is still the same. */
export function sealKeyCheck(ring: RingKey): Uint8Array {
  return seal(ring.key, Buffer.from(CHECK_TEXT), checkData(ring))
}

/** Throws `CodedError` when the check was sealed by another secret. */
export function verifyKeyCheck(ring: RingKey, blob: Uint8Array): void {
  unseal(ring.key, blob, checkData(ring))
}

function wrapData(ring: RingKey, row: RowIdentity): string {
  return boundTo('row key', row, ring.id)
}

// Without the key id: a rotation wraps the row key anew and leaves the fields alone.
function fieldData(row: RowIdentity, field: SealedField): string {
  return boundTo('field', row, field)
}

function checkData(ring: RingKey): string {
  return JSON.stringify([LABEL, 'vault_keys', 'check', ring.id])
}

// A JSON array, because joined strings would let a character move from one part to the next.
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

/** The keys that the operator configured: the first wraps what is written, the others only read what they once wrapped. */

export interface KeySecret {
  readonly id: string
  readonly secret: Secret
}

export interface Keyring {
  readonly active: RingKey
  readonly byId: ReadonlyMap<string, RingKey>
}

/** Derives every key once; throws `Error` for an empty ring or for two keys of one id. */
export function createKeyring(keys: readonly KeySecret[]): Keyring {
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
