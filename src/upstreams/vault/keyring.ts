/** The keys that the operator configured: the first wraps what is written, the others only read what they once wrapped. */
import type { Secret } from '../../tokens/secret.ts'
import { deriveRingKey } from './cipher.ts'
import type { RingKey } from './cipher.ts'

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
