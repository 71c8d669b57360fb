/** What the tests of `auth` share. */
import { authOptions } from '../../src/auth/options.ts'
import type { AuthOptions, IssuerOptions } from '../../src/auth/options.ts'
import { createIdentify } from '../../src/auth/viewer.ts'
import { CodedError } from '../../src/errors.ts'
import type { Issuer } from '../servers/jwks.ts'

/** The `auth` part of a configuration, with defaults for what is left out. */
export function auth(parts: { issuers?: IssuerOptions[]; services?: unknown[]; owner?: unknown } = {}): AuthOptions {
  return authOptions.parse(parts)
}

/** Identifies bearer tokens of these issuers; each call has caches of its own. */
export function bearerOf(...issuers: readonly (Issuer | IssuerOptions)[]) {
  const rows = issuers.map((issuer) => ('options' in issuer ? issuer.options() : issuer))
  const identify = createIdentify(auth({ issuers: rows }))
  return (token: string) => identify(`Bearer ${token}`)
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
