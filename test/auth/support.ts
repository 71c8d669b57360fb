/** Helpers for the tests of `auth`. */
import { createIdentify } from '../../src/auth/identify.ts'
import { systemClock } from '../../src/auth/jwt.ts'
import type { Clock } from '../../src/auth/jwt.ts'
import { authOptions } from '../../src/auth/options.ts'
import type { AuthOptions, IssuerOptions } from '../../src/auth/options.ts'
import type { Issuer } from '../servers/jwks.ts'

/** The `auth` part of a configuration, with defaults for missing members. */
export function auth(parts: { issuers?: IssuerOptions[]; services?: unknown[]; owner?: unknown } = {}): AuthOptions {
  return authOptions.parse(parts)
}

/** Authenticates bearer tokens of these issuers. Each call creates its own caches. */
export function bearerOf(...issuers: readonly (Issuer | IssuerOptions)[]) {
  return bearerAt(systemClock, ...issuers)
}

/** The same with an injected clock. */
export function bearerAt(clock: Clock, ...issuers: readonly (Issuer | IssuerOptions)[]) {
  const rows = issuers.map((issuer) => ('options' in issuer ? issuer.options() : issuer))
  const identify = createIdentify(auth({ issuers: rows }), undefined, clock)
  return (token: string) => identify(`Bearer ${token}`)
}

export interface TestClock extends Clock {
  /** Advances the time, and aborts the timeouts that are due. */
  pass(seconds: number): void
  /** Unix seconds: this many from now. */
  inSeconds(seconds: number): number
}

/** Starts at the present, because some tokens are signed with the real time. It moves by `pass` only. */
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

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Builds a compact token from raw parts. Strings are encoded as they are. */
export function rawToken(header: unknown, payload: unknown, signature: string): string {
  return `${encode(header)}.${encode(payload)}.${signature}`
}
