/** Users' JSON Web Tokens (RFC 7519), checked as RFC 8725 asks: everything that may vary is fixed by configuration. */
import { base64url, decodeJwt, errors, jwtVerify } from 'jose'
import { CodedError } from '../errors.ts'
import { checkId } from '../tokens/token.ts'
import { createKeySet } from './jwks.ts'
import type { IssuerOptions } from './options.ts'
import { refuse } from './refuse.ts'
import { hasUniqueMembers } from './unique-members.ts'

/** Seconds by which the issuer's clock may differ from ours, for `exp` and `nbf`. */
const CLOCK_TOLERANCE = 30

/**
 * Media types of tokens that state who acts: none, `JWT`, or an access token (RFC 9068). Others, such as a
 * `logout+jwt`, carry the same issuer, audience and subject but mean something else (RFC 8725 section 3.11).
 */
const acceptedTypes = /^(application\/)?(at\+)?jwt$/i

/** RFC 7515 section 3.1: three parts without padding. jose is lenient, and one token should have one form. */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/

export interface VerifiedUser {
  readonly user_id: string
  readonly issuer: string
  /** Unix seconds. */
  readonly exp: number
}

/** Called when the keys of an issuer could not be read; `reason` is a short code. */
export type OnIssuerFailure = (issuer: string, reason: string) => void

/**
 * Returns a function that verifies one compact JWT. It throws UNAUTHENTICATED for a token that does not count, and
 * UPSTREAM_UNAVAILABLE when the issuer's keys were never readable.
 */
export function createVerifyJwt(
  issuers: readonly IssuerOptions[],
  onFailure: OnIssuerFailure,
): (token: string) => Promise<VerifiedUser> {
  const byIssuer = new Map(
    issuers.map((options) => {
      const keys = createKeySet(options.jwks_url, (reason) => {
        onFailure(options.issuer, reason)
      })
      return [options.issuer, { options, keys }] as const
    }),
  )
  return async (token) => {
    try {
      if (!compactForm.test(token)) throw refuse('not a compact JWS')
      // The claim is not proven yet: it only chooses the keys that must then prove it.
      const entry = byIssuer.get(decodeJwt(token).iss ?? '')
      if (entry === undefined) throw refuse('issuer not configured')
      const { issuer, audience, algorithms, user_claim } = entry.options
      const { payload, protectedHeader } = await jwtVerify(token, entry.keys, {
        issuer,
        audience,
        algorithms,
        requiredClaims: ['exp', user_claim],
        clockTolerance: CLOCK_TOLERANCE,
      })
      if (protectedHeader.typ !== undefined && !acceptedTypes.test(protectedHeader.typ))
        throw refuse('typ not accepted')
      if (!token.split('.', 2).every((part) => hasUniqueMembers(decodeText(part)))) throw refuse('repeated claim')
      return { user_id: userId(payload[user_claim]), issuer, exp: payload.exp ?? 0 }
    } catch (error) {
      throw error instanceof CodedError ? error : refuse(reasonOf(error))
    }
  }
}

function userId(claim: unknown): string {
  if (typeof claim !== 'string') throw refuse('user claim is not a string')
  try {
    return checkId(claim, 'user claim')
  } catch {
    throw refuse('user claim is not a user id')
  }
}

function decodeText(part: string): string {
  return new TextDecoder().decode(base64url.decode(part))
}

/** jose's error itself stays behind: it carries the claims. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `${error.code} ${error.claim} ${error.reason}`
  if (error instanceof errors.JOSEError) return error.code
  return error instanceof Error ? error.name : 'unknown'
}
