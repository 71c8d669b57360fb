/**
 * Reads the answer of a token endpoint. Own code, because libraries judge before they hand over: oauth4webapi,
 * openid-client and simple-oauth2 lose a rotated refresh token where the answer has an unknown `token_type`, no expiry,
 * scopes as a list, or an ID token of another issuer. Here tokens come first; an ID token is checked by the caller, after
 * the tokens are stored. A pure function: no network, no store, no clock.
 */
import { retryAfterMs, reveal, secret } from '../kit.ts'
import type { Secret } from '../kit.ts'
import { readExpiry, readRefreshExpiry } from './answer-expiry.ts'
import type { Expiry } from './answer-expiry.ts'
import { classifyFailure } from './answer-failure.ts'
import type { FailureClass } from './answer-failure.ts'
import { asMembers, filledText, memberOf, parseMembers, valueAtPath } from './answer-members.ts'
import type { Members } from './answer-members.ts'
import type { Provider } from './providers/provider.ts'

/** What came over the wire, its length already bounded. */
export interface TokenAnswer {
  readonly status: number
  readonly body: string | Uint8Array
  header(name: string): string | undefined
}

export interface AnswerContext {
  readonly provider: Pick<Provider, 'answer' | 'scopes' | 'access_seconds' | 'errors' | 'keep'>
  /** Whole Unix seconds at which the answer came. */
  readonly now: number
  /** Seconds for which the token before lived; null at the first exchange, and where it is not known. */
  readonly earlierLifetimeSeconds: number | null
}

export interface TokenSet {
  readonly accessToken: Secret
  /** null: the answer has none, and the earlier one stays (RFC 6749 section 6). */
  readonly refreshToken: Secret | null
  readonly idToken: Secret | null
  /** As the provider writes it, such as `Bearer` or `bot`. */
  readonly tokenType: string | null
  /** null: as asked for (RFC 6749 section 5.1). */
  readonly scopes: readonly string[] | null
  readonly expiry: Expiry
  /** Whole Unix seconds; null: not said. */
  readonly refreshExpiresAt: number | null
}

export type AnswerOutcome =
  | {
      readonly kind: 'tokens'
      readonly tokens: TokenSet
      /** A second set: Slack's token of the user beside that of the bot. */
      readonly second: TokenSet | null
      /** What API calls need later, by the paths of the record's `keep`. */
      readonly kept: Readonly<Record<string, string>>
    }
  | {
      readonly kind: 'error'
      readonly class: FailureClass
      readonly code: string | null
      /** Milliseconds that the provider asks to wait; null: not said. */
      readonly retryAfterMs: number | null
      /** What a new authorization has to send (`claims` of Microsoft). */
      readonly claims: string | null
    }
  | {
      /** The provider may have processed the request, and ended the refresh token that was presented. */
      readonly kind: 'ambiguous'
      readonly code: string | null
      readonly retryAfterMs: number | null
      /** A new refresh token that came without an access token. */
      readonly refreshToken: Secret | null
    }

/** Members in which providers put everything else, beside the `envelope` of the record. */
const envelopes = ['data', 'body']

/** Never throws, whatever the bytes are. */
export function readAnswer(answer: TokenAnswer, context: AnswerContext): AnswerOutcome {
  const { provider, now } = context
  const members = parseMembers(answer.body)
  const isSuccess = answer.status >= 200 && answer.status < 300
  if (isSuccess && members !== null) {
    const sets = placesOf(members, provider).flatMap((place) => readTokens(place, context))
    const [tokens, second = null] = sets
    if (tokens !== undefined) return { kind: 'tokens', tokens, second, kept: keep(members, provider.keep) }
  }
  const waitMs = retryAfterMs((name) => answer.header(name), now * 1000)
  const failure = classifyFailure(answer.status, members, provider.errors)
  const { class: kind, code } = failure
  if (kind === 'ambiguous') {
    const refreshToken = isSuccess && members !== null ? asSecret(memberOf(members, 'refresh_token')) : null
    return { kind, code, retryAfterMs: waitMs, refreshToken }
  }
  const claims = filledText(memberOf(members ?? {}, 'claims'))
  return { kind: 'error', class: kind, code, retryAfterMs: waitMs, claims }
}

/** The body, and the objects in it that may hold tokens. */
function placesOf(members: Members, { answer }: AnswerContext['provider']): readonly Members[] {
  const names = new Set(answer.envelope === null ? envelopes : [answer.envelope, ...envelopes])
  return [members, ...[...names].map((name) => asMembers(valueAtPath(members, name))).filter((place) => place !== null)]
}

/** The set in one object, or none. */
function readTokens(members: Members, context: AnswerContext): readonly TokenSet[] {
  const accessToken = asSecret(memberOf(members, 'access_token'))
  if (accessToken === null) return []
  return [
    {
      accessToken,
      refreshToken: asSecret(memberOf(members, 'refresh_token')),
      idToken: asSecret(memberOf(members, 'id_token')),
      tokenType: filledText(memberOf(members, 'token_type')),
      scopes: readScopes(members, context.provider.scopes),
      expiry: readExpiry(members, reveal(accessToken), context),
      refreshExpiresAt: readRefreshExpiry(members, context.now),
    },
  ]
}

/** Scopes as text or as a list. No scope holds a space (RFC 6749 section 3.3), so spaces separate everywhere. */
function readScopes(
  members: Members,
  { separator, answer_separator: own }: Provider['scopes'],
): readonly string[] | null {
  const value = memberOf(members, 'scope') ?? memberOf(members, 'scopes')
  const list = typeof value === 'string' ? [value] : Array.isArray(value) ? (value as unknown[]) : null
  if (list === null) return null
  const texts = list.filter((each) => typeof each === 'string')
  const scopes = texts.flatMap((text) => text.split(own ?? separator)).flatMap((text) => text.split(/\s+/))
  return [...new Set(scopes.filter((scope) => scope !== ''))]
}

function keep(members: Members, paths: readonly string[]): Readonly<Record<string, string>> {
  const found = paths.map((path) => [path, valueAtPath(members, path)] as const)
  return Object.fromEntries(
    found.flatMap(([path, value]) =>
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        ? [[path, String(value)]]
        : [],
    ),
  )
}

function asSecret(value: unknown): Secret | null {
  const text = filledText(value)
  return text === null ? null : secret(text)
}
