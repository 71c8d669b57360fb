/** What the tests of `auth` share. */
import { createIdentify } from '../../src/auth/identify.ts'
import { systemClock } from '../../src/auth/jwt.ts'
import type { Clock } from '../../src/auth/jwt.ts'
import { authOptions } from '../../src/auth/options.ts'
import type { AuthOptions, IssuerOptions } from '../../src/auth/options.ts'
import { CodedError } from '../../src/errors.ts'
import type { Issuer } from '../servers/jwks.ts'

/** The `auth` part of a configuration, with defaults for what is left out. */
export function auth(parts: { issuers?: IssuerOptions[]; services?: unknown[]; owner?: unknown } = {}): AuthOptions {
  return authOptions.parse(parts)
}

/** Identifies bearer tokens of these issuers; each call has caches of its own. */
export function bearerOf(...issuers: readonly (Issuer | IssuerOptions)[]) {
  return bearerAt(systemClock, ...issuers)
}

/** The same with a clock of the test. */
export function bearerAt(clock: Clock, ...issuers: readonly (Issuer | IssuerOptions)[]) {
  const rows = issuers.map((issuer) => ('options' in issuer ? issuer.options() : issuer))
  const identify = createIdentify(auth({ issuers: rows }), undefined, clock)
  return (token: string) => identify(`Bearer ${token}`)
}

export interface TestClock extends Clock {
  /** Moves the time, and aborts the timeouts that are due. */
  pass(seconds: number): void
  /** Unix seconds, so many from now. */
  inSeconds(seconds: number): number
}

/** Starts at the present, because tokens are signed with real times; it stands still until `pass`. */
export function createTestClock(): TestClock {
  let now = Date.now()
  const timeouts = new Map<AbortController, number>()
  return {
    now: () => now,
    timeout(ms) {
      const controller = new AbortController()
      timeouts.set(controller, now + ms)
      return controller.signal
    },
    pass(seconds) {
      now += seconds * 1000
      for (const [controller, at] of timeouts) {
        if (at > now) continue
        timeouts.delete(controller)
        controller.abort(new DOMException('timed out', 'TimeoutError'))
      }
    },
    inSeconds: (seconds) => Math.floor(now / 1000) + seconds,
  }
}

/** The CodedError that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<CodedError> {
  const error: unknown = await promise.then(
    (value) => new Error(`expected a rejection, got ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  if (!(error instanceof CodedError)) throw error
  return error
}

/** Everything that a log could print of an error and its causes. */
export function printed(error: Error): string {
  const cause = error.cause instanceof Error ? printed(error.cause) : ''
  return `${error.stack ?? ''} ${JSON.stringify(error)} ${JSON.stringify(Object.entries(error))} ${cause}`
}

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A compact token out of raw parts; strings are encoded as they stand. */
export function rawToken(header: unknown, payload: unknown, signature: string): string {
  return `${encode(header)}.${encode(payload)}.${signature}`
}
