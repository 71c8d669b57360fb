/** Service keys: random bearer secrets. The configuration holds their SHA-256, never the keys. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ServiceOptions } from './options.ts'
import { compileGrants } from './policy.ts'
import type { ServiceViewer } from './viewer.ts'

/** Makes a key, which is shown once, and its hexadecimal SHA-256 for the configuration. */
export function newServiceKey(): { readonly key: string; readonly key_sha256: string } {
  // 256 random bits need no slow hash: unlike for a password, there is no dictionary to try.
  const key = `tgk_${randomBytes(32).toString('base64url')}`
  return { key, key_sha256: hashServiceKey(key) }
}

/** The hexadecimal SHA-256 of a key, as the configuration holds it. */
export function hashServiceKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/**
 * Returns a function from the SHA-256 of a credential (32 bytes) to the service with that key, or null. It compares
 * every configured hash in constant time, so that the time tells neither how much of a hash matches nor whose it is.
 * The viewers are made once, here, with their grants compiled.
 */
export function indexServices(services: readonly ServiceOptions[]): (digest: Buffer) => ServiceViewer | null {
  const rows = services.map(({ id, key_sha256, grants, schema }) => ({
    viewer: { kind: 'service', id, grants: compileGrants(grants), schema } as const,
    digest: Buffer.from(key_sha256, 'hex'),
  }))
  return (digest) => {
    let found: ServiceViewer | null = null
    for (const row of rows) {
      const equal = timingSafeEqual(row.digest, digest)
      found = equal ? row.viewer : found
    }
    return found
  }
}
