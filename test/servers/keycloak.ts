/** A strict local Keycloak with one realm, written from `docs/platforms/keycloak.md` and not from our client. */
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import type { JWTPayload } from 'jose'
import { createExchanges } from './keycloak-exchange.ts'
import type { KeycloakLink } from './keycloak-exchange.ts'
import { startLocal } from './local.ts'
import type { LocalServer, Received, Reply } from './local.ts'

export interface KeycloakServer extends LocalServer {
  readonly realm: string
  readonly issuer: string
  readonly jwks_url: string
  /** The client that may exchange tokens, and the one whose service account has `view-users`. */
  readonly client: { readonly client_id: string; readonly client_secret: string }
  readonly admin: { readonly client_id: string; readonly client_secret: string }
  /** Identity providers, and whether they store tokens. */
  readonly aliases: Map<string, boolean>
  readonly users: Set<string>
  /** A token of the realm for the user; the roles are those of the client `broker`. */
  sign(user_id: string, given?: { roles?: readonly string[]; claims?: JWTPayload }): Promise<string>
  /** Also adds the user and the identity provider. */
  link(user_id: string, alias: string, given?: Partial<KeycloakLink>): KeycloakLink
}

export interface KeycloakServerOptions {
  /** What the contract leaves open: what an unknown alias gives. */
  readonly unknownAlias?: 404 | 502
  readonly realm?: string
}

const EXPIRED_PAGE = '<html><title>invented-page-text</title></html>'

/** What follows the prefix; empty where the path does not begin with it. */
function tail(path: string, prefix: string): string {
  return path.startsWith(prefix) ? path.slice(prefix.length) : ''
}

export async function startKeycloak({
  unknownAlias = 404,
  realm = 'acme',
}: KeycloakServerOptions = {}): Promise<KeycloakServer> {
  const kid = 'k1'
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }
  const client = { client_id: 'tokengraph-client', client_secret: 'invented-client-secret' }
  const admin = { client_id: 'tokengraph-admin', client_secret: 'invented-admin-secret' }
  const aliases = new Map<string, boolean>()
  const users = new Set<string>()
  const links = new Map<string, KeycloakLink>()
  const context = {
    issuer: '',
    client,
    admin,
    sign,
    verify,
    read: (user: string, alias: string) => links.get(`${user}\n${alias}`),
    aliases,
  }
  const exchanges = createExchanges(context)

  async function sign(
    user_id: string,
    { roles = ['read-token'], claims = {} }: Parameters<KeycloakServer['sign']>[1] = {},
  ) {
    return new SignJWT({
      azp: 'frontend',
      aud: ['tokengraph', 'broker'],
      resource_access: { broker: { roles } },
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
      .setSubject(user_id)
      .setIssuer(context.issuer)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)
  }

  /** null: not a current token of this realm. */
  async function verify(token: string): Promise<JWTPayload | null> {
    try {
      return (await jwtVerify(token, publicKey, { issuer: context.issuer })).payload
    } catch {
      return null
    }
  }

  async function reply(request: Received): Promise<Reply> {
    const { method, path } = request
    const below = `/realms/${encodeURIComponent(realm)}`
    if (path === `${below}/protocol/openid-connect/certs`) return { status: 200, body: { keys: [jwk] } }
    if (path === `${below}/protocol/openid-connect/token` && method === 'POST') return exchanges.reply(request)
    const [, alias] = /^\/broker\/([^/]+)\/token$/.exec(tail(path, below)) ?? []
    if (alias !== undefined && method === 'GET') return broker(decodeURIComponent(alias), request)
    const [, user] = /^\/users\/([^/]+)\/federated-identity$/.exec(tail(path, `/admin${below}`)) ?? []
    if (user !== undefined && method === 'GET') return federatedIdentity(decodeURIComponent(user), request)
    return { status: 404, body: { error: 'Realm does not exist' } }
  }

  async function broker(alias: string, request: Received): Promise<Reply> {
    const claims = await verify(bearerOf(request))
    if (claims?.sub === undefined) return failure(400, 'Invalid token.')
    const access = claims.resource_access as { broker?: { roles?: string[] } } | undefined
    if (access?.broker?.roles?.includes('read-token') !== true)
      return failure(403, 'invented-upstream-text: Client is not authorized to retrieve tokens.')
    const stores = aliases.get(alias)
    if (stores === undefined)
      return unknownAlias === 502 ? { status: 502, raw: EXPIRED_PAGE } : failure(404, 'Identity Provider not found.')
    if (!stores) return failure(400, `Identity Provider [${alias}] does not support this operation.`)
    const link = links.get(`${claims.sub}\n${alias}`)
    if (link === undefined)
      return failure(400, `User [${claims.sub}] is not associated with identity provider [${alias}].`)
    if (link.stored === null)
      return failure(404, `No token stored for user [${claims.sub}] with identity provider [${alias}].`)
    if (typeof link.stored === 'string') return { status: 200, raw: link.stored }
    return refreshed(link.stored)
  }

  /** Only JSON with a known expiry and a refresh token is refreshed. */
  function refreshed(stored: Record<string, unknown>): Reply {
    const { accessTokenExpiration, refresh_token } = stored
    const isExpired = typeof accessTokenExpiration === 'number' && accessTokenExpiration < Date.now() / 1000
    if (!isExpired || typeof refresh_token !== 'string') return { status: 200, body: stored }
    if (refresh_token === 'invented-dead-refresh-token') return failure(502, 'Unable to refresh token.')
    Object.assign(stored, { access_token: 'invented-refreshed-token', accessTokenExpiration: 4_102_444_800 })
    return { status: 200, body: stored }
  }

  function federatedIdentity(user_id: string, request: Received): Reply {
    if (!exchanges.isAdmin(bearerOf(request))) return { status: 401, body: { error: 'HTTP 401 Unauthorized' } }
    if (!users.has(user_id)) return { status: 404, body: { error: 'User not found' } }
    const own = [...links].filter(([key]) => key.startsWith(`${user_id}\n`))
    return {
      status: 200,
      body: own.map(([key, { userId, userName }]) => ({ identityProvider: key.split('\n')[1], userId, userName })),
    }
  }

  const local = await startLocal(reply)
  const issuer = `${local.url}/realms/${encodeURIComponent(realm)}`
  context.issuer = issuer
  return Object.assign(local, {
    realm,
    issuer,
    jwks_url: `${issuer}/protocol/openid-connect/certs`,
    client,
    admin,
    aliases,
    users,
    sign,
    link(user_id: string, alias: string, given: Partial<KeycloakLink> = {}) {
      users.add(user_id)
      if (!aliases.has(alias)) aliases.set(alias, true)
      const access_token = `invented-token-${user_id}-${alias}`
      const link = { userId: `invented-${alias}-id`, userName: 'ada', stored: { access_token }, ...given }
      links.set(`${user_id}\n${alias}`, link)
      return link
    },
  })
}

/** The documented body of the broker endpoint. */
export function failure(status: number, errorMessage: string): Reply {
  return { status, body: { errorMessage } }
}

function bearerOf({ headers }: Received): string {
  return headers.authorization?.replace(/^Bearer /, '') ?? ''
}
