/** Authenticates a request: the `Authorization` header → a viewer. */
import type { Answer } from '../lib/answer.ts'
import { sha256 } from '../lib/secret.ts'
import { createVerifyJwt } from './jwt.ts'
import type { OnIssuerFailure, VerifiedUser } from './jwt.ts'
import { systemClock } from './key-set.ts'
import type { Clock } from './key-set.ts'
import type { AuthOptions } from './options.ts'
import { indexServices } from './service-keys.ts'
import { createVerifiedTokenCache } from './verified-token-cache.ts'
import { anonymous, unauthenticated } from './viewer.ts'
import type { Viewer } from './viewer.ts'

/** Characters. Bounds what a caller can make the server hash and parse. */
const MAX_CREDENTIAL_LENGTH = 16 * 1024
// RFC 6750 section 2.1 (b64token) and RFC 9110 section 11.1: the scheme in any case, then exactly one token.
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

interface IdentifyDeps {
  /** Called when the keys of an issuer could not be read. */
  readonly onIssuerFailure?: OnIssuerFailure
  readonly clock?: Clock
  /** Ends the reading of keys in the background. */
  readonly signal?: AbortSignal
}

const never = new AbortController().signal

/**
 * Returns a function from the value of the `Authorization` header to the viewer, which is at hand for service keys and for
 * tokens that were verified before. Without a header the viewer is
 * anonymous. An invalid header throws UNAUTHENTICATED and never falls back to anonymous, because its sender does not
 * expect to be anonymous. Throws UPSTREAM_UNAVAILABLE when the keys of an issuer were never readable. Create it once
 * per process: it holds the caches.
 */
export function createIdentify(
  auth: Pick<AuthOptions, 'issuers' | 'services'>,
  { onIssuerFailure: onFailure = () => undefined, clock = systemClock, signal = never }: IdentifyDeps = {},
): (authorization: string | null) => Answer<Viewer> {
  const findService = indexServices(auth.services)
  const verifyJwt = createVerifyJwt(auth.issuers, { onFailure, clock, signal })
  const verified = createVerifiedTokenCache(clock)

  const viewerOf = ({ userId, issuer }: VerifiedUser): Viewer => ({ kind: 'user', userId, issuer })

  return (authorization) => {
    if (authorization === null) return anonymous
    const credential = readBearer(authorization)
    const digest = sha256(credential)
    const service = findService(digest)
    if (service !== null) return service
    const name = digest.toString('base64')
    const known = verified.get(name)
    if (known !== null) return viewerOf(known)
    return verifyJwt(credential).then((user) => {
      verified.set(name, user)
      return viewerOf(user)
    })
  }
}

function readBearer(authorization: string): string {
  if (authorization.length > MAX_CREDENTIAL_LENGTH + 'Bearer '.length) throw unauthenticated('credential too long')
  const credential = bearer.exec(authorization)?.[1]
  if (credential === undefined) throw unauthenticated('not one bearer token')
  return credential
}
