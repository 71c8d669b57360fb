/** Service keys: random bearer secrets of which the configuration holds nothing but the SHA-256. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ServiceOptions } from './options.ts'

/** A fresh key, to be shown once, and the hexadecimal SHA-256 for the configuration. */
export function newServiceKey(): { readonly key: string; readonly key_sha256: string } {
  // 256 random bits need no slow hash: there is no dictionary to try (unlike passwords).
  const key = `tgk_${randomBytes(32).toString('base64url')}`
  return { key, key_sha256: hashServiceKey(key) }
}

/** The hexadecimal SHA-256 that stands in the configuration. */
export function hashServiceKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/**
 * Returns a function that finds the service whose key has this SHA-256 (32 bytes), or null. Every configured hash is
 * compared, each in constant time, so that the time tells neither how much of a hash fits nor which service it is.
 */
export function createFindService(services: readonly ServiceOptions[]): (digest: Buffer) => ServiceOptions | null {
  const rows = services.map((service) => ({ service, digest: Buffer.from(service.key_sha256, 'hex') }))
  return (digest) => {
    let found: ServiceOptions | null = null
    for (const row of rows) {
      const equal = timingSafeEqual(row.digest, digest)
      found = equal ? row.service : found
    }
    return found
  }
}
