/** Users' JSON Web Tokens (RFC 7519), checked as RFC 8725 asks: everything that may vary is fixed by configuration. */
import { base64url, createLocalJWKSet, createRemoteJWKSet, customFetch, decodeJwt, errors, jwtVerify } from 'jose'
import type { FetchImplementation, JWTVerifyGetKey, LocalJWKSet } from 'jose'
import { CodedError } from '../errors.ts'
import { hasUniqueMembers } from '../lib/json.ts'
import { checkId } from '../tokens/ids.ts'
import type { IssuerOptions } from './options.ts'
import { refuse } from './viewer.ts'

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

/**
 * The public keys of one issuer: fetched when needed, cached, and kept through an outage (TRUST S3). The URL comes
 * from the configuration alone; `jku`, `x5u` and `jwk` in a token are never looked at.
 */

/** Milliseconds between two requests that unknown keys cause, and between tries while an older set is at hand. */
const COOLDOWN_MS = 30_000
/** Milliseconds between tries while there is no set at all and every user is turned away. */
const RETRY_MS = 5_000
/** Milliseconds after which a set is read again: how long a withdrawn key may still count. */
const MAX_AGE_MS = 10 * 60_000
/** Milliseconds for the whole exchange. */
const TIMEOUT_MS = 5_000
/** Bytes after decompression; real sets have a few thousand. */
const MAX_BYTES = 256 * 1024

/** What the log should know: the set could not be read; `reason` is a short code. */
type OnKeySetFailure = (reason: string) => void

/**
 * A key resolver for `jwtVerify`. Throws jose's errors when no key fits, and UPSTREAM_UNAVAILABLE (retryable, with
 * `retry_after_ms`) when no set was ever read: the token may be good, so the caller must not be told otherwise.
 */
export function createKeySet(jwks_url: string, onFailure: OnKeySetFailure): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(jwks_url), {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
    [customFetch]: fetchBounded,
  })
  // jose's own resolver fails as soon as its cache is stale and asks again at once after each failure. So it does the
  // exchange only, and its last good answer serves until a newer one arrives.
  let keys: LocalJWKSet | null = null
  let nextTry = 0
  let pending: Promise<boolean> | null = null

  async function load(): Promise<boolean> {
    try {
      await remote.reload()
      keys = createLocalJWKSet(remote.jwks() ?? { keys: [] })
      nextTry = 0
      return true
    } catch (error) {
      nextTry = Date.now() + (keys === null ? RETRY_MS : COOLDOWN_MS)
      onFailure(failureCode(error))
      return false
    }
  }

  /** Whether newer keys were read; callers at the same time share one request. */
  async function refresh(): Promise<boolean> {
    if (pending === null && Date.now() < nextTry) return false
    pending ??= load().finally(() => {
      pending = null
    })
    return pending
  }

  function current(): LocalJWKSet {
    if (keys !== null) return keys
    const retry_after_ms = Math.max(0, nextTry - Date.now())
    throw new CodedError('UPSTREAM_UNAVAILABLE', "The keys of the token's issuer could not be read.", {
      retry_after_ms,
    })
  }

  return async (header, token) => {
    if (!remote.fresh) await refresh()
    try {
      return await current()(header, token)
    } catch (error) {
      // The issuer may have rotated. The cool-down bounds what a flood of invented key ids can cause.
      if (!(error instanceof errors.JWKSNoMatchingKey) || remote.coolingDown || !(await refresh())) throw error
      return current()(header, token)
    }
  }
}

/** jose asks with `redirect: 'manual'` and takes nothing but a 200, so redirects are refused; this bounds the size. */
const fetchBounded: FetchImplementation = async (url, options) => {
  const response = await fetch(url, options)
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    return new Response(null, { status: 502 })
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    // Leaving the loop cancels the stream.
    if (size > MAX_BYTES) throw new RangeError('The key set is too large.')
    chunks.push(chunk)
  }
  return new Response(Buffer.concat(chunks))
}

/** A short code for the log: of the system (`ECONNREFUSED`), of jose, or the kind of error. */
function failureCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.name : 'unknown'
}
