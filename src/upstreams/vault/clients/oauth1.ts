/**
 * OAuth 1.0a (RFC 5849) for providers that still live on it: the signature, and the two requests of a connection. Own code
 * of one page, because the packages for it have not been released in years. Pure functions; `token-endpoint.ts` sends.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { reveal, secret, unixSeconds } from '../../kit.ts'
import type { RawAnswer, Secret } from '../../kit.ts'
import { filledText, memberOf, parseMembers } from '../answer-members.ts'
import type { OAuthClient, TokenPair } from './clients.ts'
import { fillUrl } from './requests.ts'
import type { TokenRequest } from './requests.ts'
import type { AnswerOutcome, TokenSet } from '../read-answer.ts'

/** What is chosen anew for each request; tests pass their own. */
export interface Moment {
  readonly nonce: string
  /** Whole Unix seconds. */
  readonly timestamp: number
}

const now = (): Moment => ({ nonce: randomBytes(16).toString('hex'), timestamp: unixSeconds() })

/** Section 2.1: a token for the request, which names where the browser comes back to. */
export function temporaryRequest(client: OAuthClient, callback: string): TokenRequest {
  const { oauth1 } = client.provider
  if (oauth1 === null) throw new Error('the provider does not speak OAuth 1.0a')
  return signed(client, { url: fillUrl(oauth1.request_token_url, client, noValues), callback }, null)
}

/** Section 2.3: the verifier that the browser brought back becomes the token of the account. */
export function verifierRequest(client: OAuthClient, request: TokenPair, verifier: string): TokenRequest {
  return signed(client, { url: fillUrl(client.provider.token_url, client, noValues), verifier }, request)
}

/** A request with the token of an account, such as the one that says whose it is. */
export function tokenRequest(client: OAuthClient, url: URL, method: 'GET' | 'POST', pair: TokenPair): TokenRequest {
  return signed(client, { url, method }, pair)
}

const noValues = { kept: {} }

interface Unsigned {
  readonly url: URL
  readonly method?: 'GET' | 'POST'
  readonly callback?: string
  readonly verifier?: string
}

function signed(client: OAuthClient, unsigned: Unsigned, pair: TokenPair | null): TokenRequest {
  const { url, method = 'POST' } = unsigned
  const authorization = authorizationOf(client, unsigned, pair)
  const accept = 'application/json, application/x-www-form-urlencoded'
  return {
    method,
    url,
    headers: { accept, authorization, 'user-agent': 'tokengraph' },
    body: method === 'GET' ? null : '',
  }
}

/** The value of `Authorization` (section 3.5.1). */
export function authorizationOf(
  { clientId, clientSecret, provider }: Pick<OAuthClient, 'clientId' | 'clientSecret' | 'provider'>,
  { url, method = 'POST', callback, verifier }: Unsigned,
  pair: TokenPair | null,
  { nonce, timestamp }: Moment = now(),
): string {
  const algorithm = provider.oauth1?.signature ?? 'HMAC-SHA1'
  const parameters: Readonly<Record<string, string>> = {
    oauth_consumer_key: clientId,
    oauth_nonce: nonce,
    oauth_signature_method: algorithm,
    oauth_timestamp: String(timestamp),
    oauth_version: '1.0',
    ...(pair !== null && { oauth_token: pair.token }),
    ...(callback !== undefined && { oauth_callback: callback }),
    ...(verifier !== undefined && { oauth_verifier: verifier }),
  }
  const key = [clientSecret, pair?.secret ?? null].map((each) => encode(each === null ? '' : reveal(each))).join('&')
  const signature = createHmac(algorithm === 'HMAC-SHA1' ? 'sha1' : 'sha256', key)
    .update(baseString(method, url, parameters))
    .digest('base64')
  const members = Object.entries({ ...parameters, oauth_signature: signature })
  return `OAuth ${members.map(([name, value]) => `${name}="${encode(value)}"`).join(', ')}`
}

/** Section 3.4.1. Bodies are empty here, so that the parameters are those of the header and of the query. */
export function baseString(method: string, url: URL, parameters: Readonly<Record<string, string>>): string {
  const pairs = [...Object.entries(parameters), ...url.searchParams]
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
  return [method, url.origin + url.pathname, pairs.join('&')].map(encode).join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Section 3.6: everything but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** The token of a request; null: the answer has none, or does not confirm the callback (section 2.1). */
export function readTemporary({ status, body }: RawAnswer): TokenPair | null {
  const members = status === 200 ? parseMembers(body) : null
  if (members === null || String(memberOf(members, 'oauth_callback_confirmed')) !== 'true') return null
  return pairIn(members)
}

function pairIn(members: NonNullable<ReturnType<typeof parseMembers>>): TokenPair | null {
  const [token, tokenSecret] = ['oauth_token', 'oauth_token_secret'].map((name) => filledText(memberOf(members, name)))
  return token == null || tokenSecret == null ? null : { token, secret: secret(tokenSecret) }
}

/** What an answer to the verifier means: there are no error codes in OAuth 1.0a. */
export function readAccountToken({ status, body }: RawAnswer): { outcome: AnswerOutcome; tokenSecret: Secret | null } {
  const members = status >= 200 && status < 300 ? parseMembers(body) : null
  const pair = members === null ? null : pairIn(members)
  if (pair !== null)
    return {
      outcome: { kind: 'tokens', tokens: tokenSetOf(pair), second: null, kept: {} },
      tokenSecret: pair.secret,
    }
  const common = { code: `http_${String(status)}`, retryAfterMs: null }
  const outcome: AnswerOutcome =
    status >= 400 && status < 500
      ? { kind: 'error', class: status === 429 ? 'rate' : 'grant_dead', ...common, claims: null }
      : { kind: 'ambiguous', ...common, refreshToken: null }
  return { outcome, tokenSecret: null }
}

/** Tokens of OAuth 1.0a do not expire. */
function tokenSetOf({ token }: TokenPair): TokenSet {
  return {
    ...{ accessToken: secret(token), refreshToken: null, idToken: null, tokenType: null, scopes: null },
    expiry: { expiresAt: null, lifetimeSeconds: null, source: 'never' },
    refreshExpiresAt: null,
  }
}
