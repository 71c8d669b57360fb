/**
 * Verifies users' JSON Web Tokens (RFC 7519) as RFC 8725 asks: the configuration fixes the issuer, the audience, the
 * algorithms and the place of the keys. `jku`, `x5u` and `jwk` in a token are never read.
 */
import { base64url, decodeJwt, errors, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'
import { CodedError } from '../errors.ts'
import { hasUniqueMembers } from '../lib/json.ts'
import { checkId } from '../tokens/ids.ts'
import { createKeySet } from './key-set.ts'
import type { Clock } from './key-set.ts'
import type { IssuerOptions } from './options.ts'
import { unauthenticated } from './viewer.ts'

/** Seconds by which the issuer's clock may differ from this one, for `exp` and `nbf`. */
const CLOCK_TOLERANCE = 30

/**
 * Media types of tokens that state who acts: none, `JWT`, or an access token (RFC 9068). Others, such as a
 * `logout+jwt`, carry the same issuer, audience and subject but mean something else (RFC 8725 section 3.11).
 */
const acceptedTypes = /^(application\/)?(at\+)?jwt$/i

/** RFC 7515 section 3.1: three parts without padding. jose also accepts other spellings of the same token. */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/

export interface VerifiedUser {
  readonly userId: string
  readonly issuer: string
  /** Unix seconds. */
  readonly exp: number
}

/** Reports that the keys of an issuer could not be read; `reason` is a short code. */
export type OnIssuerFailure = (issuer: string, reason: string) => void

export interface VerifyDeps {
  readonly onFailure: OnIssuerFailure
  readonly clock: Clock
  /** Aborts when no token will be verified any more: the keys are then not read again. */
  readonly signal: AbortSignal
}

/**
 * Returns a function that verifies one compact JWT. It throws UNAUTHENTICATED for an invalid token, and
 * UPSTREAM_UNAVAILABLE when the issuer's keys were never readable.
 */
export function createVerifyJwt(
  issuers: readonly IssuerOptions[],
  { onFailure, clock, signal }: VerifyDeps,
): (token: string) => Promise<VerifiedUser> {
  const byIssuer = new Map(
    issuers.map((options) => {
      const onKeySetFailure = (reason: string): void => {
        onFailure(options.issuer, reason)
      }
      const keys = createKeySet({ url: options.jwks_url, onFailure: onKeySetFailure, clock, signal })
      return [options.issuer, { options, keys }] as const
    }),
  )
  return async (token) => {
    try {
      if (!compactForm.test(token)) throw unauthenticated('not a compact JWS')
      // The claim is not verified yet. It only selects the keys, which then verify it.
      const entry = byIssuer.get(decodeJwt(token).iss ?? '')
      if (entry === undefined) throw unauthenticated('issuer not configured')
      const { issuer, audience, algorithms, user_claim: userClaim } = entry.options
      const { payload, protectedHeader } = await jwtVerify(token, entry.keys, {
        issuer,
        ...(audience !== undefined && { audience }),
        algorithms,
        requiredClaims: ['exp', userClaim],
        clockTolerance: CLOCK_TOLERANCE,
        currentDate: new Date(clock.unixMs()),
      })
      if (protectedHeader.typ !== undefined && !acceptedTypes.test(protectedHeader.typ))
        throw unauthenticated('typ not accepted')
      if (!token.split('.', 2).every((part) => hasUniqueMembers(decodeText(part))))
        throw unauthenticated('repeated claim')
      checkClient(payload, entry.options)
      return { userId: checkUserId(payload[userClaim]), issuer, exp: payload.exp ?? 0 }
    } catch (error) {
      throw error instanceof CodedError ? error : unauthenticated(reasonOf(error))
    }
  }
}

/** The application that the token was issued to, where the configuration binds tokens to applications. */
function checkClient(payload: JWTPayload, options: IssuerOptions): void {
  checkListed(payload, 'azp', options.authorized_parties)
  checkListed(payload, 'client_id', options.client_ids)
}

function checkListed(payload: JWTPayload, claim: string, listed: string | readonly string[] | undefined): void {
  if (listed === undefined) return
  const value = payload[claim]
  if (value === undefined) throw unauthenticated(`${claim} missing`)
  if (typeof value !== 'string' || ![listed].flat().includes(value)) throw unauthenticated(`${claim} not listed`)
}

function checkUserId(claim: unknown): string {
  if (typeof claim !== 'string') throw unauthenticated('user claim is not a string')
  try {
    return checkId(claim, 'user claim')
  } catch {
    throw unauthenticated('user claim is not a user id')
  }
}

function decodeText(part: string): string {
  return new TextDecoder().decode(base64url.decode(part))
}

/**
 * Drops jose's error, which carries the claims, and keeps its code and which check failed. The names of claims are those
 * that this file asked for, never the token's own.
 */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `${error.code} ${error.claim} ${error.reason}`
  if (error instanceof errors.JOSEError) return error.code
  return error instanceof Error ? error.name : 'unknown'
}
