/**
 * Verifies users' JSON Web Tokens (RFC 7519) as RFC 8725 asks: the configuration fixes the issuer, the audience, the
 * algorithms and the place of the keys. `jku`, `x5u` and `jwk` in a token are never read.
 */
import { base64url, createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
import type { JSONWebKeySet, JWTVerifyGetKey, LocalJWKSet } from 'jose'
import { CodedError } from '../errors.ts'
import { hasUniqueMembers } from '../lib/json.ts'
import { checkId } from '../tokens/ids.ts'
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

/** The time of the process; tests pass their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Returns a signal that aborts after `ms` milliseconds. */
  timeout(ms: number): AbortSignal
}

export const systemClock: Clock = { now: () => Date.now(), timeout: (ms) => AbortSignal.timeout(ms) }

/** Reports that the keys of an issuer could not be read; `reason` is a short code. */
export type OnIssuerFailure = (issuer: string, reason: string) => void

/**
 * Returns a function that verifies one compact JWT. It throws UNAUTHENTICATED for an invalid token, and
 * UPSTREAM_UNAVAILABLE when the issuer's keys were never readable.
 */
export function createVerifyJwt(
  issuers: readonly IssuerOptions[],
  onFailure: OnIssuerFailure,
  clock: Clock,
): (token: string) => Promise<VerifiedUser> {
  const byIssuer = new Map(
    issuers.map((options) => {
      const onKeySetFailure = (reason: string): void => {
        onFailure(options.issuer, reason)
      }
      return [options.issuer, { options, keys: createKeySet(options.jwks_url, onKeySetFailure, clock) }] as const
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
        audience,
        algorithms,
        requiredClaims: ['exp', userClaim],
        clockTolerance: CLOCK_TOLERANCE,
        currentDate: new Date(clock.now()),
      })
      if (protectedHeader.typ !== undefined && !acceptedTypes.test(protectedHeader.typ))
        throw unauthenticated('typ not accepted')
      if (!token.split('.', 2).every((part) => hasUniqueMembers(decodeText(part))))
        throw unauthenticated('repeated claim')
      return { userId: checkUserId(payload[userClaim]), issuer, exp: payload.exp ?? 0 }
    } catch (error) {
      throw error instanceof CodedError ? error : unauthenticated(reasonOf(error))
    }
  }
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

/** Drops jose's error, which carries the claims, and keeps its code. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `${error.code} ${error.claim} ${error.reason}`
  if (error instanceof errors.JOSEError) return error.code
  return error instanceof Error ? error.name : 'unknown'
}

/** Milliseconds between two requests that unknown key ids cause, and between retries while an older set is served. */
const COOLDOWN_MS = 30_000
/** Milliseconds between retries while there is no set at all, which turns every user away. */
const RETRY_MS = 5_000
/** Milliseconds after which a set is read again: how long a withdrawn key may still count. */
const MAX_AGE_MS = 10 * 60_000
/** Milliseconds for the whole exchange. */
const TIMEOUT_MS = 5_000
/** Bytes after decompression; real sets have a few thousand. */
const MAX_BYTES = 256 * 1024

/**
 * Returns a key resolver for `jwtVerify` over the JWKS of one issuer: fetched on first use, cached, and served stale
 * through an outage (docs/promises.md S3). jose's `createRemoteJWKSet` fails as soon as its cache is stale and asks
 * again at once after a failure; this keeps the last good set. Throws jose's errors when no key matches, and
 * UPSTREAM_UNAVAILABLE (retryable, with `retry_after_ms`) when no set was ever read: the token may be valid.
 */
function createKeySet(url: string, onFailure: (reason: string) => void, clock: Clock): JWTVerifyGetKey {
  let keys: LocalJWKSet | null = null
  let readAt = -Infinity
  let nextTry = 0
  let pending: Promise<boolean> | null = null

  const isYoungerThan = (ms: number): boolean => clock.now() < readAt + ms

  async function load(): Promise<boolean> {
    try {
      keys = createLocalJWKSet(await fetchKeys(url, clock.timeout(TIMEOUT_MS)))
      readAt = clock.now()
      nextTry = 0
      return true
    } catch (error) {
      nextTry = clock.now() + (keys === null ? RETRY_MS : COOLDOWN_MS)
      onFailure(failureCode(error))
      return false
    }
  }

  /** Returns whether a newer set was read. Concurrent callers share one request. */
  async function refresh(): Promise<boolean> {
    if (pending === null && clock.now() < nextTry) return false
    pending ??= load().finally(() => {
      pending = null
    })
    return pending
  }

  function current(): LocalJWKSet {
    if (keys !== null) return keys
    throw new CodedError('UPSTREAM_UNAVAILABLE', "The keys of the token's issuer could not be read.", {
      retry_after_ms: Math.max(0, nextTry - clock.now()),
    })
  }

  return async (header, token) => {
    if (!isYoungerThan(MAX_AGE_MS)) await refresh()
    try {
      return await current()(header, token)
    } catch (error) {
      // The issuer may have rotated its keys. The cool-down bounds the requests that a flood of invented key ids causes.
      if (!(error instanceof errors.JWKSNoMatchingKey) || isYoungerThan(COOLDOWN_MS) || !(await refresh())) throw error
      return current()(header, token)
    }
  }
}

/** Fetches a JWKS document. Rejects for a redirect, any status but 200, more than `MAX_BYTES`, and invalid JSON. */
async function fetchKeys(url: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const headers = { accept: 'application/json, application/jwk-set+json' }
  const response = await fetch(url, { headers, redirect: 'manual', signal })
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new errors.JOSEError('expected the status 200')
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    // Leaving the loop cancels the stream.
    if (size > MAX_BYTES) throw new RangeError('the key set is too large')
    chunks.push(chunk)
  }
  // `createLocalJWKSet` checks the shape.
  return JSON.parse(new TextDecoder().decode(Buffer.concat(chunks))) as JSONWebKeySet
}

/** A short code for the log: of the system (`ECONNREFUSED`), of jose, or the name of the error. */
function failureCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.name : 'unknown'
}
