/** A strict local OAuth 2.1 provider: authorization code with S256 (RFC 7636), single-use codes, an ID token. */
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

/** The person who is signed in at the provider's page and consents to everything. */
export interface ProviderUser {
  readonly id: string
  readonly email: string
}

export interface OAuthProviderServer extends LocalServer {
  readonly client_id: string
  readonly client_secret: string
  /** Seconds; null: the answer does not say how long the token lives. */
  expires_in: number | null
  /** What the token endpoint adds, or takes away where it is undefined. */
  extra: Readonly<Record<string, unknown>>
  user: ProviderUser
  /** Whether the person sees a page first, with a link that leads back. */
  showsPage: boolean
  /** What its ID tokens say beside the truth, or in its place. */
  claims: Readonly<Record<string, unknown>>
  /** The answers of the token endpoint, in order. */
  readonly issued: readonly Readonly<Record<string, unknown>>[]
  /** The client may be sent back to these alone. */
  readonly redirect_uris: Set<string>
}

interface Grant {
  readonly user: ProviderUser
  readonly redirect_uri: string
  readonly challenge: string
  readonly scope: string
  readonly nonce: string | null
}

export async function startOAuthProvider(): Promise<OAuthProviderServer> {
  const client = { client_id: 'invented-client', client_secret: 'invented-client-secret' }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const grants = new Map<string, Grant>()
  const users = new Map<string, ProviderUser>()
  const issued: Record<string, unknown>[] = []
  const redirect_uris = new Set<string>()

  function reply(request: Received): Reply {
    const route = `${request.method} ${request.path}`
    if (route === 'GET /authorize') return authorize(request.query)
    if (route === 'POST /token') return token(request)
    if (route === 'GET /userinfo') return userinfo(request.headers.authorization)
    return { status: 404, body: { error: 'not_found' } }
  }

  /** Sends the browser back with a code; an error of the request itself never leaves for the redirect URI. */
  function authorize(query: URLSearchParams): Reply {
    const redirect_uri = query.get('redirect_uri') ?? ''
    if (query.get('client_id') !== client.client_id || !redirect_uris.has(redirect_uri))
      return failure('invalid_client')
    const challenge = query.get('code_challenge') ?? ''
    const isComplete = query.get('response_type') === 'code' && query.get('state') !== null
    if (!isComplete || !/^[\w-]{43}$/.test(challenge) || query.get('code_challenge_method') !== 'S256')
      return failure('invalid_request')
    const code = randomUUID()
    grants.set(code, {
      user: server.user,
      redirect_uri,
      challenge,
      scope: query.get('scope') ?? '',
      nonce: query.get('nonce'),
    })
    const back = new URL(redirect_uri)
    back.searchParams.set('code', code)
    back.searchParams.set('state', query.get('state') ?? '')
    if (server.showsPage)
      return {
        status: 200,
        raw: `<!doctype html><title>Provider</title><a href="${back.href.replaceAll('&', '&amp;')}">Allow</a>`,
        headers: { 'content-type': 'text/html' },
      }
    return { status: 302, body: {}, headers: { location: back.href } }
  }

  function token({ body, headers }: Received): Reply {
    const form = new URLSearchParams(body)
    if (!isClient(form, headers.authorization)) return failure('invalid_client', 401)
    if (form.get('grant_type') !== 'authorization_code') return failure('unsupported_grant_type')
    const grant = grants.get(form.get('code') ?? '')
    grants.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (grant?.redirect_uri !== form.get('redirect_uri') || grant.challenge !== challenge)
      return failure('invalid_grant')
    const access_token = `invented-access-token-${randomUUID()}`
    users.set(access_token, grant.user)
    const answer = {
      access_token,
      token_type: 'Bearer',
      refresh_token: `invented-refresh-token-${randomUUID()}`,
      scope: grant.scope,
      id_token: idToken(grant.user, grant.nonce),
      ...(server.expires_in !== null && { expires_in: server.expires_in }),
      ...server.extra,
    }
    issued.push(answer)
    return { status: 200, body: answer, headers: { 'cache-control': 'no-store' } }
  }

  function isClient(form: URLSearchParams, authorization: string | undefined): boolean {
    const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')
    if (authorization !== undefined) return authorization === `Basic ${basic}`
    return form.get('client_id') === client.client_id && form.get('client_secret') === client.client_secret
  }

  function userinfo(authorization = ''): Reply {
    const user = users.get(authorization.replace(/^Bearer /, ''))
    if (user === undefined) return failure('invalid_token', 401)
    const { id, email } = user
    return { status: 200, body: { id, sub: id, email, email_verified: true, name: 'Invented Person' } }
  }

  function idToken({ id, email }: ProviderUser, nonce: string | null): string {
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const exp = Math.floor(Date.now() / 1000) + 300
    const claims = {
      iss: server.url,
      aud: client.client_id,
      sub: id,
      email,
      email_verified: true,
      exp,
      ...(nonce !== null && { nonce }),
      ...server.claims,
    }
    const signed = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`
    return `${signed}.${sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }

  const local = await startLocal(reply)
  const server: OAuthProviderServer = Object.assign(local, {
    ...client,
    expires_in: 3600,
    extra: {},
    user: { id: 'invented-provider-user', email: 'person@example.invalid' },
    showsPage: false,
    claims: {},
    issued,
    redirect_uris,
  })
  return server
}

function failure(error: string, status = 400): Reply {
  return { status, body: { error } }
}
