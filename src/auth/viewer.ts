/** Who asks: the `Authorization` header → a Viewer. */
import { hash } from 'node:crypto'
import { CodedError } from '../errors.ts'
import { createVerifyJwt } from './jwt.ts'
import type { OnIssuerFailure } from './jwt.ts'
import type { AuthOptions, Grant } from './options.ts'
import { createFindService } from './service-keys.ts'
import { createVerifiedTokens } from './verified-token-cache.ts'

export type Viewer =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly user_id: string; readonly issuer: string }
  | { readonly kind: 'service'; readonly id: string; readonly grants: readonly Grant[]; readonly schema: boolean }

export const anonymous: Viewer = Object.freeze({ kind: 'anonymous' })

/** Characters. Also bounds what is hashed and parsed for nothing. */
const MAX_CREDENTIAL_LENGTH = 16 * 1024
// RFC 6750 section 2.1 (b64token) and RFC 9110 section 11.1: the scheme in any case, then exactly one token.
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

/**
 * Returns a function from the value of the `Authorization` header to the viewer. No header is anonymous; a header that
 * does not count throws UNAUTHENTICATED and never falls back to anonymous, because the caller believes to be somebody.
 * UPSTREAM_UNAVAILABLE when an issuer's keys were never readable. Create it once: it holds the caches.
 */
export function createIdentify(
  auth: Pick<AuthOptions, 'issuers' | 'services'>,
  onIssuerFailure: OnIssuerFailure = () => undefined,
): (authorization: string | null) => Promise<Viewer> {
  const findService = createFindService(auth.services)
  const verifyJwt = createVerifyJwt(auth.issuers, onIssuerFailure)
  const verified = createVerifiedTokens()

  return async (authorization) => {
    if (authorization === null) return anonymous
    const credential = readBearer(authorization)
    const digest = hash('sha256', credential, 'buffer')
    const service = findService(digest)
    if (service !== null) return { kind: 'service', id: service.id, grants: service.grants, schema: service.schema }
    const name = digest.toString('base64')
    const remembered = verified.get(name)
    const user = remembered ?? (await verifyJwt(credential))
    if (remembered === null) verified.set(name, user)
    return { kind: 'user', user_id: user.user_id, issuer: user.issuer }
  }
}

function readBearer(authorization: string): string {
  if (authorization.length > MAX_CREDENTIAL_LENGTH + 'Bearer '.length) throw refuse('credential too long')
  const credential = bearer.exec(authorization)?.[1]
  if (credential === undefined) throw refuse('not one bearer token')
  return credential
}

/** The one answer to every credential that does not count. */

/**
 * UNAUTHENTICATED with a fixed message, so that a forger learns nothing from it. `reason` goes to the log alone, as
 * the cause: a short phrase of ours or an error code, never a part of the credential.
 */
export function refuse(reason: string): CodedError {
  return new CodedError('UNAUTHENTICATED', undefined, {}, { cause: new Error(reason) })
}
