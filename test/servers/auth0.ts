/** A strict local Auth0 tenant, written from `docs/platforms/auth0.md` and not from our client. */
import { createManagement, managementFailure } from './auth0-management.ts'
import type { Auth0Account, Auth0Identity, Auth0User } from './auth0-management.ts'
import { createExchange, oauthFailure } from './auth0-exchange.ts'
import type { Exchange, ExchangeOptions } from './auth0-exchange.ts'
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

export interface Auth0ServerOptions {
  /** What the machine-to-machine client was granted at the Management API. */
  readonly scope?: string
  /** The public key and the grants of the privileged worker. */
  readonly worker?: ExchangeOptions
}

export interface Auth0Server extends LocalServer {
  readonly client_id: string
  readonly client_secret: string
  readonly audience: string
  readonly users: Map<string, Auth0User>
  readonly accounts: Map<string, Auth0Account[]>
  readonly vault: Exchange['vault']
  readonly settings: { searchShowsTokens: boolean; readonly refusedIds: Set<string> }
  /** The scopes that the next management token will have. */
  scope: string
  /** How many management tokens were given out. */
  readonly issued: number
  /** Every management token given out so far is refused from now on. */
  revoke(): void
  addUser(user_id: string, given?: Partial<Auth0User>): Auth0User
  /** Also adds the user. */
  addIdentity(user_id: string, connection: string, given?: Partial<Auth0Identity>): Auth0Identity
}

/** Starts the tenant on a free port of 127.0.0.1. */
export async function startAuth0(options: Auth0ServerOptions = {}): Promise<Auth0Server> {
  const client_id = 'invented-client'
  const client_secret = 'invented-client-secret'
  const tokens = new Map<string, string>()
  let audience = ''
  let scope = options.scope ?? 'read:users read:user_idp_tokens'
  let issued = 0
  const management = createManagement()
  const exchange = createExchange(options.worker)

  function reply(request: Received): Reply | Promise<Reply> {
    if (request.path === '/oauth/token' && request.method === 'POST') return token(request)
    if (!request.path.startsWith('/api/v2/')) return { status: 404, raw: '<html>invented-page</html>' }
    const granted = tokens.get(request.headers.authorization?.replace(/^Bearer /, '') ?? '')
    if (granted === undefined) return managementFailure(401, 'Unauthorized')
    return management.reply(request, granted.split(' '))
  }

  function token(request: Received): Reply | Promise<Reply> {
    const form = new URLSearchParams(request.body)
    if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded'))
      return oauthFailure(400, 'invalid_request')
    if (form.get('grant_type') !== 'client_credentials') return exchange.reply(form)
    if (form.get('client_id') !== client_id || form.get('client_secret') !== client_secret)
      return oauthFailure(401, 'invalid_client')
    if (form.get('audience') !== audience) return oauthFailure(403, 'access_denied')
    issued += 1
    const access_token = jwtOf({ scope, aud: audience, jti: String(issued) })
    tokens.set(access_token, scope)
    return { status: 200, body: { access_token, expires_in: 86_400, scope, token_type: 'Bearer' } }
  }

  const local = await startLocal(reply)
  audience = `${local.url}/api/v2/`
  exchange.issuer.url = `${local.url}/`
  return Object.defineProperties(
    Object.assign(local, {
      client_id,
      client_secret,
      audience,
      vault: exchange.vault,
      users: management.users,
      accounts: management.accounts,
      settings: management.settings,
      addUser: management.addUser,
      addIdentity: management.addIdentity,
      revoke: () => {
        tokens.clear()
      },
      scope,
      issued,
    }),
    {
      scope: { get: () => scope, set: (value: string) => (scope = value) },
      issued: { get: () => issued },
    },
  )
}

/** Has the form of the tokens that Auth0 issues for its own API; nobody checks the signature here. */
function jwtOf(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.aW52ZW50ZWQ`
}
