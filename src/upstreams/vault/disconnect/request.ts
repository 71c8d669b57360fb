/**
 * The request that revokes what an account holds (RFC 7009), or what the provider has in its place, and what its answer
 * means. Pure functions; `clients/token-endpoint.ts` sends.
 */
import { parseJson, reveal } from '../../kit.ts'
import type { RawAnswer, Secret } from '../../kit.ts'
import type { Grant, OAuthClient } from '../clients/clients.ts'
import { authenticationOf, basic, fillUrl, MissingValue } from '../clients/requests.ts'
import type { TokenRequest } from '../clients/requests.ts'
import type { Provider } from '../providers/provider.ts'

export type Revocation = NonNullable<Provider['revoke']>
type TokenKind = Revocation['token']

/** What came of one attempt. `retryAfterMs`: what the provider asked for; null: nothing. */
export type Revoked =
  | { readonly kind: 'revoked' }
  | { readonly kind: 'unsupported'; readonly code: string }
  | { readonly kind: 'retry'; readonly code: string; readonly retryAfterMs: number | null }

/** The kind of token that is presented first; null: the account has none that the provider takes. */
export function firstKind({ style, token }: Revocation, { refreshToken }: Grant): TokenKind | null {
  if (style === 'bearer' || style === 'client_header') return 'access_token'
  if (style === 'path') return refreshToken === null ? null : 'refresh_token'
  return refreshToken === null ? 'access_token' : token
}

/** Rejects with `MissingValue`, or with `Error` for a key of the client that does not fit. */
export async function revocationRequest(
  client: OAuthClient,
  grant: Grant,
  revocation: Revocation,
  kind: TokenKind,
): Promise<TokenRequest> {
  const request = await requestOf(client, grant, revocation, kind)
  return { ...request, headers: { ...request.headers, ...revocation.headers } }
}

async function requestOf(
  client: OAuthClient,
  grant: Grant,
  revocation: Revocation,
  kind: TokenKind,
): Promise<TokenRequest> {
  const { style, method, token_param: name, identifies_client: identifies } = revocation
  const token = kind === 'access_token' ? grant.accessToken : grant.refreshToken
  if (token === null) throw new MissingValue(kind)
  const secretText = client.clientSecret === null ? '' : reveal(client.clientSecret)
  const { client_id_param: idName } = client.provider
  const accept = 'application/json'
  const url = addressOf(revocation, client, grant, token)
  switch (style) {
    case 'rfc7009': {
      const form = new URLSearchParams({ [name]: reveal(token), token_type_hint: kind })
      const headers = new Headers({ accept })
      const audience = fillUrl(client.provider.token_url, client, grant)
      const authenticate = await authenticationOf(client, audience, grant)
      const as = { issuer: audience.origin, token_endpoint: audience.href }
      await authenticate(as, { client_id: client.clientId }, form, headers)
      rename(form, 'client_id', idName)
      return asForm(client, method, url, form, Object.fromEntries(headers))
    }
    case 'form_token': {
      const form = new URLSearchParams({
        ...(identifies && { [idName]: client.clientId }),
        [name]: reveal(token),
      })
      return asForm(client, method, url, form, { accept })
    }
    case 'bearer':
      return { method, url, headers: { accept, authorization: `Bearer ${reveal(token)}` }, body: '' }
    case 'basic_json': {
      const headers = new Headers({ accept, 'content-type': 'application/json' })
      void basic(client.clientId, secretText)({ issuer: url.origin }, { client_id: '' }, new URLSearchParams(), headers)
      return { method, url, headers: Object.fromEntries(headers), body: JSON.stringify({ [name]: reveal(token) }) }
    }
    case 'client_header': {
      const body = JSON.stringify({ client_id: client.clientId, [name]: reveal(token) })
      const headers = { accept, 'content-type': 'application/json', authorization: `Client ${secretText}` }
      return { method, url, headers, body }
    }
    case 'path':
      return { method, url, headers: { accept }, body: null }
  }
}

/** Some providers answer at the host that the account was connected at, which the answer to the code named. */
function addressOf({ url, host_from: from }: Revocation, client: OAuthClient, grant: Grant, token: Secret): URL {
  const filled = fillUrl(
    url.replaceAll('{refresh_token}', () => encodeURIComponent(reveal(token))),
    client,
    grant,
  )
  const kept = from === null ? undefined : grant.kept[from]
  if (kept === undefined) return filled
  const own = URL.canParse(kept) ? new URL(kept) : null
  if (own?.protocol !== filled.protocol || own.username + own.password !== '') throw new MissingValue(from ?? '')
  return new URL(filled.pathname, own.origin)
}

function asForm(
  { provider }: OAuthClient,
  method: TokenRequest['method'],
  url: URL,
  form: URLSearchParams,
  headers: Readonly<Record<string, string>>,
): TokenRequest {
  if (provider.token_body === 'query') return { method, url: new URL(`?${form.toString()}`, url), headers, body: '' }
  const type = 'application/x-www-form-urlencoded;charset=UTF-8'
  return { method, url, headers: { ...headers, 'content-type': type }, body: form.toString() }
}

function rename(form: URLSearchParams, from: string, to: string): void {
  const value = form.get(from)
  if (value === null || from === to) return
  form.delete(from)
  form.set(to, value)
}

/** Codes for a token that is dead already: what was wanted. */
const dead: ReadonlySet<string> = new Set([
  ...['invalid_token', 'token_revoked', 'token_expired', 'invalid_refresh_token', 'invalid_auth'],
])

export function isDead(code: string): boolean {
  return dead.has(code) || code === 'http_401'
}

/**
 * What an answer means. A redirect is not followed: the token would go where nobody said. `isWhole`: nothing lives on
 * where the presented token is dead, because it was the refresh token or there is none.
 */
export function judgeRevocation(
  { status, body, header }: RawAnswer,
  { method }: Revocation,
  isWhole: boolean,
): Revoked {
  const code = codeIn(body)
  if (status >= 300 && status < 400) return { kind: 'retry', code: 'redirect', retryAfterMs: null }
  if (code === 'unsupported_token_type') return { kind: 'unsupported', code }
  if (code !== null && dead.has(code) && status < 500 && isWhole) return { kind: 'revoked' }
  // Slack answers with 200 and `ok: false`; GitHub with 404 for a grant that is gone.
  if (status < 300 && code === null) return { kind: 'revoked' }
  if (method === 'DELETE' && (status === 404 || status === 410)) return { kind: 'revoked' }
  const seconds = Number(header('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null
  return { kind: 'retry', code: code ?? `http_${String(status)}`, retryAfterMs }
}

/** The error code of a body, shortened to what a code looks like; null: it reports none. */
function codeIn(body: Uint8Array): string | null {
  const json = body.byteLength > 65_536 ? undefined : parseJson(body)
  if (typeof json !== 'object' || json === null) return null
  const { error, ok } = json as { readonly error?: unknown; readonly ok?: unknown }
  if (typeof error === 'string' && /^[\w.-]{1,64}$/.test(error)) return error
  return error != null || ok === false ? 'refused' : null
}
