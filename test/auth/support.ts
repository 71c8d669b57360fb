/** Helpers for the tests of `auth`. */
import { expect, vi } from 'vitest'
import { systemClock } from '../../src/auth/key-set.ts'
import type { Clock } from '../../src/auth/key-set.ts'
import { authOptions } from '../../src/auth/options.ts'
import type { AuthOptions, IssuerOptions } from '../../src/auth/options.ts'
import type { Viewer } from '../../src/auth/viewer.ts'
import { createIdentify as createIdentifyNow } from '../../src/server/authenticate.ts'
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
  const identify = createIdentify(auth({ issuers: rows }), { clock })
  return (token: string) => identify(`Bearer ${token}`)
}

export interface TestClock extends Clock {
  /** The wall clock in milliseconds since 1970: tokens of an issuer on this clock are signed with it. */
  now(): number
  /** Advances both clocks, aborts the timeouts and runs the timers that are due. */
  pass(seconds: number): void
  /** Moves the wall clock alone, in either direction. */
  jump(seconds: number): void
  /** Unix seconds: this many from now. */
  inSeconds(seconds: number): number
}

/** Starts at the present, because some tokens are signed with the real time. It moves by `pass` and `jump` only. */
export function createTestClock(): TestClock {
  let elapsed = 1_000_000
  let offset = Date.now() - elapsed
  const due = new Set<{ readonly at: number; readonly run: () => void }>()
  const now = (): number => elapsed + offset
  return {
    now,
    unixMs: now,
    monotonicMs: () => elapsed,
    timeout(ms) {
      const controller = new AbortController()
      const run = () => {
        controller.abort(new DOMException('timed out', 'TimeoutError'))
      }
      due.add({ at: elapsed + ms, run })
      return controller.signal
    },
    after(ms, run, signal) {
      const timer = { at: elapsed + ms, run }
      due.add(timer)
      signal.addEventListener('abort', () => due.delete(timer))
    },
    pass(seconds) {
      elapsed += seconds * 1000
      for (const timer of [...due].filter(({ at }) => at <= elapsed)) {
        due.delete(timer)
        timer.run()
      }
    },
    jump(seconds) {
      offset += seconds * 1000
    },
    inSeconds: (seconds) => Math.floor(now() / 1000) + seconds,
  }
}

/**
 * Waits until the keys that `clock.pass` made the issuer's key set read again are in use: a token of a withdrawn key is
 * then refused. `sign` makes a new token for each try, because a token that was accepted is cached.
 */
export async function settled(identify: (token: string) => Promise<unknown>, sign: () => Promise<string>) {
  await vi.waitFor(async () => {
    const outcome = await identify(await sign()).then(
      () => 'accepted',
      () => 'refused',
    )
    expect(outcome).toBe('refused')
  })
}

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Builds a compact token from raw parts. Strings are encoded as they are. */
export function rawToken(header: unknown, payload: unknown, signature: string): string {
  return `${encode(header)}.${encode(payload)}.${signature}`
}

/** The same with a promise for every answer, those at hand included. */
export function createIdentify(...args: Parameters<typeof createIdentifyNow>) {
  const identify = createIdentifyNow(...args)
  return async (authorization: string | null): Promise<Viewer> => identify(authorization)
}
