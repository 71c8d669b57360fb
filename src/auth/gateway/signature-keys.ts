/** The keys by which gateways sign. The key decides the algorithm; what a message says of it must agree. */
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import { reveal } from '../../tokens/secret.ts'
import type { SignatureOptions } from './options.ts'

export interface SignatureKey {
  readonly id: string
  /** As RFC 9421 section 6.2 names it. */
  readonly alg: 'hmac-sha256' | 'ed25519'
  isSignatureOf(base: string, signature: Uint8Array): boolean
}

/** By their ids. */
export function readSignatureKeys(keys: SignatureOptions['keys']): ReadonlyMap<string, SignatureKey> {
  return new Map(keys.map((key) => [key.id, readKey(key)]))
}

function readKey({ id, secret, public_key }: SignatureOptions['keys'][number]): SignatureKey {
  if (public_key !== undefined) {
    const key = createPublicKey(public_key)
    return {
      id,
      alg: 'ed25519',
      isSignatureOf: (base, signature) => verify(null, Buffer.from(base), key, signature),
    }
  }
  if (secret === undefined) throw new TypeError('a key has neither a secret nor a public key')
  return {
    id,
    alg: 'hmac-sha256',
    isSignatureOf(base, signature) {
      const expected = createHmac('sha256', reveal(secret)).update(base).digest()
      return signature.length === expected.length && timingSafeEqual(signature, expected)
    },
  }
}
