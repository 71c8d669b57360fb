/** The public keys of one issuer: its JWKS document, kept in memory and read again in the background. */
import { createLocalJWKSet, errors } from 'jose'
import type { JSONWebKeySet, JWTVerifyGetKey, LocalJWKSet } from 'jose'
import { CodedError } from '../errors.ts'
import { monotonicMs, unixMs } from '../lib/time.ts'

/** The time of the process; tests pass their own. */
export interface Clock {
  /** Milliseconds on the monotonic clock. */
  monotonicMs(): number
  /** Milliseconds since 1970. */
  unixMs(): number
  /** Returns a signal that aborts after `ms` milliseconds. */
  timeout(ms: number): AbortSignal
  /** Calls `run` once after `ms` milliseconds, unless `signal` aborts before. Does not keep the process alive. */
  after(ms: number, run: () => void, signal: AbortSignal): void
}

export const systemClock: Clock = {
  monotonicMs,
  unixMs,
  timeout: (ms) => AbortSignal.timeout(ms),
  after(ms, run, signal) {
    if (signal.aborted) return
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      run()
    }, ms).unref()
    const onAbort = (): void => {
      clearTimeout(timer)
    }
    signal.addEventListener('abort', onAbort, { once: true })
  },
}

/**
 * Milliseconds after which a set is read again. With `verified-token-cache.ts`, whose entries live for 5 minutes, a
 * withdrawn key stops to count within 15 minutes.
 */
const REFRESH_MS = 9 * 60_000
/** Milliseconds between two requests that unknown key ids cause, and between retries while an older set is served. */
const COOLDOWN_MS = 30_000
/** Milliseconds between retries while there is no set at all, which turns every user away. */
const RETRY_MS = 5_000
/** Milliseconds for the whole exchange. */
const TIMEOUT_MS = 5_000
/** Bytes after decompression; real sets have a few thousand. */
const MAX_BYTES = 256 * 1024

export interface KeySetOptions {
  readonly url: string
  /** Called with a short code when the set could not be read. */
  readonly onFailure: (reason: string) => void
  readonly clock: Clock
  /** Aborts when the keys are no longer needed. */
  readonly signal: AbortSignal
}

/**
 * Returns a key resolver for `jwtVerify` over the JWKS of one issuer: fetched on first use, then read again by a timer,
 * and served stale through an outage (docs/promises.md S3). jose's `createRemoteJWKSet` fails as soon as its cache is
 * stale, asks again at once after a failure, and ages by the wall clock. A token whose key is known never waits for the
 * issuer. Throws jose's errors when no key matches, and UPSTREAM_UNAVAILABLE (retryable, with `retry_after_ms`) when no
 * set was ever read: the token may be valid.
 */
export function createKeySet({ url, onFailure, clock, signal }: KeySetOptions): JWTVerifyGetKey {
  let keys: LocalJWKSet | null = null
  let readAt = -Infinity
  let nextTry = -Infinity
  let pending: Promise<boolean> | null = null

  async function load(): Promise<boolean> {
    try {
      keys = createLocalJWKSet(await fetchKeys(url, AbortSignal.any([signal, clock.timeout(TIMEOUT_MS)])))
      readAt = clock.monotonicMs()
      nextTry = -Infinity
      return true
    } catch (error) {
      nextTry = clock.monotonicMs() + (keys === null ? RETRY_MS : COOLDOWN_MS)
      if (!signal.aborted) onFailure(failureReason(error))
      return false
    }
  }

  /** Returns whether a newer set was read. Concurrent callers share one request. */
  async function refresh(): Promise<boolean> {
    if (pending === null && clock.monotonicMs() < nextTry) return false
    pending ??= load().finally(() => {
      pending = null
      scheduleRefresh()
    })
    return pending
  }

  /** Without a set there is no timer: callers ask, as long as there are any. */
  function scheduleRefresh(): void {
    if (keys === null) return
    const dueAt = Math.max(readAt + REFRESH_MS, nextTry)
    clock.after(
      dueAt - clock.monotonicMs(),
      () => {
        // An unknown key may have had the set read since; that refresh has a timer of its own.
        if (clock.monotonicMs() >= Math.max(readAt + REFRESH_MS, nextTry)) void refresh()
      },
      signal,
    )
  }

  function current(): LocalJWKSet {
    if (keys !== null) return keys
    throw new CodedError('UPSTREAM_UNAVAILABLE', "The keys of the token's issuer could not be read.", {
      retry_after_ms: Math.max(0, Math.ceil(nextTry - clock.monotonicMs())),
    })
  }

  return async (header, token) => {
    if (keys === null) await refresh()
    try {
      return await current()(header, token)
    } catch (error) {
      // The issuer may have rotated its keys. The cool-down bounds the requests that a flood of invented key ids causes.
      const isRecent = clock.monotonicMs() < readAt + COOLDOWN_MS
      if (!(error instanceof errors.JWKSNoMatchingKey) || isRecent || !(await refresh())) throw error
      return current()(header, token)
    }
  }
}

/** The JWKS document could not be used; the message is a short phrase for the log. */
class KeySetError extends Error {
  override readonly name = 'KeySetError'
}

/** Fetches a JWKS document. Rejects for a redirect, any status but 200, more than `MAX_BYTES`, and invalid JSON. */
async function fetchKeys(url: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const headers = { accept: 'application/json, application/jwk-set+json' }
  const response = await fetch(url, { headers, redirect: 'manual', signal })
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new KeySetError(`status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    // Leaving the loop cancels the stream.
    if (size > MAX_BYTES) throw new KeySetError('too large')
    chunks.push(chunk)
  }
  // `createLocalJWKSet` checks the shape.
  return JSON.parse(new TextDecoder().decode(Buffer.concat(chunks))) as JSONWebKeySet
}

/** A short reason for the log: a status, a code of the system (`ECONNREFUSED`) or of jose, or the name of the error. */
function failureReason(error: unknown): string {
  if (error instanceof KeySetError) return error.message
  if (error instanceof SyntaxError) return 'not JSON'
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.name : 'unknown'
}
