/** Reads invented answers of token endpoints at a fixed time. */
import { reveal } from '../../../src/lib/secret.ts'
import type { Secret } from '../../../src/lib/secret.ts'
import { findProvider } from '../../../src/upstreams/vault/providers/catalogue.ts'
import { providerRecord } from '../../../src/upstreams/vault/providers/provider.ts'
import type { Provider, ProviderInput } from '../../../src/upstreams/vault/providers/provider.ts'
import { readAnswer } from '../../../src/upstreams/vault/read-answer.ts'
import type { AnswerOutcome, TokenSet } from '../../../src/upstreams/vault/read-answer.ts'

/** Whole Unix seconds at which the answers come. */
export const now = 1_800_000_000

/** What is written of a provider that the catalogue has not. */
const custom: ProviderInput = {
  id: 'custom',
  title: 'Custom',
  authorize_url: 'https://example.com/authorize',
  token_url: 'https://example.com/token',
  client_auth: ['basic'],
  pkce: 'supported',
  refresh: { obtained: 'always', rotation: { mode: 'never' } },
}
const customs: Readonly<Record<string, Provider>> = {
  custom: providerRecord.parse(custom),
  'custom, in ms': providerRecord.parse({ ...custom, answer: { expiry: 'expires_in_ms' } }),
  'custom, a time': providerRecord.parse({ ...custom, answer: { expiry: 'epoch_in_expires_in' } }),
  'custom, at': providerRecord.parse({ ...custom, answer: { expiry: 'expires_at_s' } }),
}

/** Of the catalogue, or of those above. */
export function providerOf(name: string): Provider {
  const provider = customs[name] ?? findProvider(name)
  if (provider === null) throw new Error(`there is no provider ${name}`)
  return provider
}

export interface Sent {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Seconds. */
  readonly earlier?: number
}

export function read(
  provider: Provider,
  body: unknown,
  { status = 200, headers = {}, earlier }: Sent = {},
): AnswerOutcome {
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  return readAnswer(
    { status, body: bytes, header: (name) => headers[name] },
    { provider, now, earlierLifetimeSeconds: earlier ?? null },
  )
}

export const show = (value: Secret | null): string | null => value && reveal(value)

export function showTokens({ expiry, accessToken, refreshToken, idToken, ...rest }: TokenSet) {
  return { ...rest, expiry, at: show(accessToken), rt: show(refreshToken), id: show(idToken) }
}

/** An unsigned JWT. */
export function jwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part(claims)}.invented`
}

/** What most answers have. */
export const pair = { access_token: 'at-1', refresh_token: 'rt-1', token_type: 'Bearer' }
export const single = { access_token: 'at-1', token_type: 'Bearer' }
