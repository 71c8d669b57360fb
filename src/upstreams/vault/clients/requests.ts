/**
 * The requests to a token endpoint, by oauth4webapi where the provider speaks OAuth 2.0 as it is written, and by variants of its
 * parts where not. Nothing is tried out: a wrong guess would cost a request of the client's limit each time, and which
 * style a provider wants is in its record.
 */
import { createPrivateKey } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import { reveal } from '../../kit.ts'
import type { Secret } from '../../kit.ts'
import { templateForms } from '../providers/provider.ts'
import type { Grant, OAuthClient, TokenPair } from './clients.ts'

/** What goes over the wire. */
export interface TokenRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** Where a template has neither a value of the client nor one of the account. */
export class MissingValue extends Error {}

/** The request that presents what the grant holds. Rejects with `MissingValue`, or with `Error` for a key that does not fit. */
export async function refreshRequest(client: OAuthClient, grant: Grant): Promise<TokenRequest> {
  const { provider } = client
  const { refresh } = provider
  const url = fillUrl(refresh.url ?? provider.token_url, client, grant)
  const presented = refresh.uses === 'access_token' ? grant.accessToken : grant.refreshToken
  if (presented === null) throw new MissingValue('there is no refresh token')
  const scope =
    refresh.sends_scope && grant.scopes !== null ? { scope: grant.scopes.join(provider.scopes.separator) } : {}
  const parameters: Readonly<Record<string, string>> = { ...provider.token_params, ...refresh.params, ...scope }
  const isPlain =
    refresh.uses === 'refresh_token' && refresh.token_param === null && parameters.grant_type === undefined
  const authentication = refresh.identifies_client ? await authenticationOf(client, url, grant) : () => undefined
  const { method, identifies_client: identifies } = refresh
  return build({ client, url, method, identifies }, async (as, self, options) => {
    if (isPlain) {
      const additionalParameters = parameters
      await oauth.refreshTokenGrantRequest(as, self, authentication, reveal(presented), {
        ...options,
        additionalParameters,
      })
      return
    }
    const { grant_type: grantType = 'refresh_token', ...rest } = parameters
    const named = { ...rest, [refresh.token_param ?? refresh.uses]: reveal(presented) }
    await oauth.genericTokenEndpointRequest(as, self, authentication, grantType, named, options)
  })
}

/** What came back from the authorization endpoint, and what was sent there. */
export interface CodeGrant {
  readonly code: Secret
  readonly redirectUri: string
  /** null: none was announced. */
  readonly verifier: Secret | null
  /** Of OAuth 1.0a, whose verifier is `code`; null: of OAuth 2.0. */
  readonly requestToken: TokenPair | null
  /** Parameters of the callback that the account keeps. */
  readonly kept: Readonly<Record<string, string>>
}

/** The request that exchanges a code (RFC 6749 section 4.1.3). Rejects as `refreshRequest` does. */
export async function codeRequest(client: OAuthClient, given: CodeGrant): Promise<TokenRequest> {
  const { provider } = client
  const url = fillUrl(provider.token_url, client, given)
  const authentication = await authenticationOf(client, url, given)
  const parameters = {
    ...provider.token_params,
    code: reveal(given.code),
    redirect_uri: given.redirectUri,
    ...(given.verifier !== null && { code_verifier: reveal(given.verifier) }),
  }
  return build({ client, url, method: 'POST', identifies: true }, async (as, self, options) => {
    await oauth.genericTokenEndpointRequest(as, self, authentication, 'authorization_code', parameters, options)
  })
}

interface Shape {
  readonly client: OAuthClient
  readonly url: URL
  readonly method: 'GET' | 'POST'
  /** false: the token alone is presented. */
  readonly identifies: boolean
}

type Ask = (
  as: oauth.AuthorizationServer,
  self: oauth.Client,
  options: oauth.TokenEndpointRequestOptions,
) => Promise<void>

/** Takes the request that oauth4webapi makes, before it is sent. */
async function build(shaped: Shape, ask: Ask): Promise<TokenRequest> {
  const { client, url } = shaped
  const built: TokenRequest[] = []
  await ask(
    { issuer: url.origin, token_endpoint: url.href },
    { client_id: client.clientId },
    {
      // oxlint-disable-next-line typescript/no-deprecated -- only for loopback addresses: the options see to that
      [oauth.allowInsecureRequests]: url.protocol === 'http:',
      // Only the request is taken: what oauth4webapi makes of an answer loses tokens (read-answer.ts).
      [oauth.customFetch]: (_, { headers, body }) => {
        built.push(shape(shaped, headers, body))
        return Promise.resolve(new Response(null, { status: 204 }))
      },
    },
  )
  const [request] = built
  if (request === undefined) throw new Error('oauth4webapi made no request')
  return request
}

/** The body as the provider reads it: a form, JSON, or the query of the URL. */
function shape(
  { client: { provider }, url, method, identifies }: Shape,
  given: Readonly<Record<string, string>>,
  parameters: URLSearchParams,
): TokenRequest {
  const { token_body: style, client_id_param: idName } = provider
  if (!identifies) parameters.delete('client_id')
  const id = parameters.get('client_id')
  if (idName !== 'client_id' && id !== null) {
    parameters.delete('client_id')
    parameters.set(idName, id)
  }
  const headers = { ...given, accept: 'application/json' }
  if (style === 'query' || method === 'GET') {
    const target = new URL(url)
    for (const [name, value] of parameters) target.searchParams.append(name, value)
    return { method, url: target, headers: without(headers, 'content-type'), body: method === 'GET' ? null : '' }
  }
  if (style === 'json') {
    const body = JSON.stringify(Object.fromEntries(parameters))
    return { method: 'POST', url, headers: { ...headers, 'content-type': 'application/json' }, body }
  }
  return { method: 'POST', url, headers, body: parameters.toString() }
}

function without(headers: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name))
}

export async function authenticationOf(
  client: OAuthClient,
  url: URL,
  grant: Pick<Grant, 'kept'>,
): Promise<oauth.ClientAuth> {
  const { clientAuth, clientId, clientSecret, privateKey } = client
  const secret = clientSecret === null ? '' : reveal(clientSecret)
  switch (clientAuth) {
    case 'basic':
      return oauth.ClientSecretBasic(secret)
    case 'basic_raw':
      return basic(clientId, secret)
    case 'secret_as_user':
      return basic(secret, '')
    case 'post':
      return oauth.ClientSecretPost(secret)
    case 'private_key_jwt':
      return oauth.PrivateKeyJwt(await importKey(privateKey), {
        [oauth.modifyAssertion]: (_, claims) => {
          claims.aud = audienceOf(client, url, grant)
        },
      })
    case 'none':
    case 'tls':
      return oauth.None()
  }
}

/** Without a query or a fragment, as the provider knows itself. */
function audienceOf(client: OAuthClient, { origin, pathname }: URL, grant: Pick<Grant, 'kept'>): string {
  const { issuer, assertion_audience: audience } = client.provider
  if (audience === 'token_url' || issuer === null) return origin + pathname
  const { href } = fillUrl(issuer, client, grant)
  return issuer.endsWith('/') ? href : href.replace(/\/$/, '')
}

/** Without the percent-encoding of RFC 6749 section 2.3.1, which some providers do not undo (panva/openid-client#134). */
export function basic(user: string, password: string): oauth.ClientAuth {
  return (_as, _client, _body, headers) => {
    headers.set('authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`)
  }
}

async function importKey(privateKey: OAuthClient['privateKey']): Promise<oauth.PrivateKey> {
  if (privateKey === null) throw new Error('the client has no private key')
  const { pem, keyId, algorithm } = privateKey
  const key = await crypto.subtle.importKey('pkcs8', pkcs8Of(pem), webAlgorithm(algorithm), false, ['sign'])
  return { key, ...(keyId !== null && { kid: keyId }) }
}

function pkcs8Of(pem: Secret): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createPrivateKey(reveal(pem)).export({ type: 'pkcs8', format: 'der' }))
}

function webAlgorithm(algorithm: 'RS256' | 'PS256' | 'ES256') {
  if (algorithm === 'ES256') return { name: 'ECDSA', namedCurve: 'P-256' }
  return { name: algorithm === 'RS256' ? 'RSASSA-PKCS1-v1_5' : 'RSA-PSS', hash: 'SHA-256' }
}

/** The URL with its placeholders filled: by the client, by what the account keeps, or by the record. */
export function fillUrl(template: string, client: OAuthClient, { kept }: Pick<Grant, 'kept'>): URL {
  const filled = template.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => {
    if (name === 'client_id') return encodeURIComponent(client.clientId)
    const declared = client.provider.templates[name]
    const value = client.values[name] ?? kept[name] ?? declared?.default ?? null
    if (declared === undefined || value === null || !templateForms[declared.form].test(value))
      throw new MissingValue(name)
    return declared.form === 'segment' ? encodeURIComponent(value) : value
  })
  return new URL(filled)
}
