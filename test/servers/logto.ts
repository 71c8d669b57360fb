/** A strict local Logto, written from `docs/platforms/logto.md` and not from our client. */
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

/** A linked account, and the token set that is stored for it. */
export interface LogtoIdentity {
  userId: string
  details: Record<string, unknown>
  /** null: nothing is stored. */
  secret: LogtoSecret | null
}

export interface LogtoSecret {
  access_token: string
  scope?: string
  /** Epoch seconds; left out: the provider said nothing. */
  expiresAt?: number
  /** What a refresh leads to; left out: there is no refresh token. */
  refresh?: 'works' | Reply
  /** What is stored besides, and served to nobody. */
  extra?: Readonly<Record<string, unknown>>
}

interface Client {
  readonly client_id: string
  readonly client_secret: string
}

export interface LogtoServer extends LocalServer {
  readonly resource: string
  readonly management: Client
  /** The application that may exchange tokens. */
  readonly exchange: Client
  addUser(user_id: string): void
  /** Also adds the user; `sso` says that `target` is the id of an enterprise connector. */
  link(user_id: string, target: string, given?: Partial<LogtoIdentity>, kind?: 'social' | 'sso'): LogtoIdentity
  /** Every token of a user is refused from now on; new ones are accepted. */
  revokeUserTokens(): void
}

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const MADE_MS = 1_767_225_600_000

export async function startLogto({ mayExchange = true } = {}): Promise<LogtoServer> {
  const management = { client_id: 'invented-m2m', client_secret: 'invented-m2m-secret' }
  const exchange = { client_id: 'invented-app', client_secret: 'invented-app-secret' }
  const users = new Map<string, Map<string, { kind: 'social' | 'sso'; identity: LogtoIdentity }>>()
  const managementTokens = new Set<string>()
  const subjectTokens = new Map<string, string>()
  const userTokens = new Map<string, { user_id: string; scope: string }>()
  let resource = ''

  function reply(request: Received): Reply {
    const { method, path } = request
    if (path === '/oidc/token' && method === 'POST') return token(request)
    const bearer = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const [, kind, target] = /^\/api\/my-account\/(sso-)?identities\/([^/]+)\/access-token$/.exec(path) ?? []
    if (target !== undefined && method === 'GET')
      return account(bearer, decodeURIComponent(target), kind === undefined ? 'social' : 'sso')
    if (!managementTokens.has(bearer)) return logtoFailure(401, 'auth.unauthorized')
    if (path === '/api/subject-tokens' && method === 'POST') return subjectToken(request)
    const [, user_id] = /^\/api\/users\/([^/]+)\/all-identities$/.exec(path) ?? []
    if (user_id !== undefined && method === 'GET')
      return allIdentities(decodeURIComponent(user_id), request.query.get('includeTokenSecret') === 'true')
    return logtoFailure(404, 'entity.not_found')
  }

  function token(request: Received): Reply {
    const form = new URLSearchParams(request.body)
    const isClient = ({ client_id, client_secret }: Client) =>
      form.get('client_id') === client_id && form.get('client_secret') === client_secret
    if (form.get('grant_type') === 'client_credentials') {
      if (!isClient(management)) return oidcFailure(401, 'invalid_client')
      if (form.get('resource') !== resource || form.get('scope') !== 'all') return oidcFailure(400, 'invalid_target')
      const access_token = `invented-management-token-${String(managementTokens.size)}`
      managementTokens.add(access_token)
      return { status: 200, body: { access_token, expires_in: 3600, scope: 'all', token_type: 'Bearer' } }
    }
    if (form.get('grant_type') !== GRANT) return oidcFailure(400, 'unsupported_grant_type')
    if (!isClient(exchange) || request.headers.authorization !== undefined) return oidcFailure(401, 'invalid_client')
    if (!mayExchange) return oidcFailure(400, 'unauthorized_client')
    const subject = form.get('subject_token') ?? ''
    const user_id = subjectTokens.get(subject)
    if (user_id === undefined || form.get('subject_token_type') !== ACCESS_TOKEN)
      return oidcFailure(400, 'invalid_grant')
    subjectTokens.delete(subject)
    const scope = form.get('scope') ?? ''
    const access_token = `invented-user-token-${String(userTokens.size)}`
    // With a resource it would be a JWT, which the Account API does not know.
    if (!form.has('resource')) userTokens.set(access_token, { user_id, scope })
    return { status: 200, body: { access_token, expires_in: 3600, scope, token_type: 'Bearer' } }
  }

  function subjectToken(request: Received): Reply {
    const { userId } = JSON.parse(request.body) as { userId?: unknown }
    if (typeof userId !== 'string') return logtoFailure(400, 'guard.invalid_input')
    if (!users.has(userId)) return logtoFailure(404, 'entity.not_found')
    const subject = `sub_invented_${String(subjectTokens.size)}_${String(userTokens.size)}`
    subjectTokens.set(subject, userId)
    return { status: 201, body: { subjectToken: subject, expiresIn: 600 } }
  }

  function account(bearer: string, target: string, kind: 'social' | 'sso'): Reply {
    const grant = userTokens.get(bearer)
    if (grant === undefined) return logtoFailure(401, 'auth.unauthorized')
    const scopes = grant.scope.split(' ')
    if (!scopes.includes('openid') || !scopes.includes('identities')) return logtoFailure(403, 'auth.forbidden')
    const linked = users.get(grant.user_id)?.get(target)
    const stored = linked?.kind === kind ? linked.identity.secret : null
    if (linked === undefined || stored === null)
      return logtoFailure(404, 'secrets.third_party_token_set.token_not_found')
    const now = Math.floor(Date.now() / 1000)
    if (stored.expiresAt !== undefined && stored.expiresAt <= now) {
      if (stored.refresh === undefined) {
        linked.identity.secret = null
        return logtoFailure(401, 'secrets.third_party_token_set.access_token_expired')
      }
      if (stored.refresh !== 'works') return stored.refresh
      Object.assign(stored, { access_token: 'invented-refreshed-token', expiresAt: now + 3600 })
    }
    const { access_token, scope, expiresAt } = stored
    const expires_in = expiresAt === undefined ? undefined : expiresAt - now
    return { status: 200, body: { access_token, scope, token_type: 'bearer', expires_in } }
  }

  function allIdentities(user_id: string, withSecrets: boolean): Reply {
    const linked = users.get(user_id)
    if (linked === undefined) return logtoFailure(404, 'entity.not_found')
    const rows = [...linked].map(([target, { kind, identity }]) => ({
      kind,
      target,
      identity,
      ...(withSecrets &&
        identity.secret !== null && { tokenSecret: describe(user_id, target, identity, identity.secret) }),
    }))
    return {
      status: 200,
      body: {
        socialIdentities: rows
          .filter(({ kind }) => kind === 'social')
          .map(({ target, identity: { userId, details }, tokenSecret }) => ({
            target,
            identity: { userId, details },
            tokenSecret,
          })),
        ssoIdentities: rows
          .filter(({ kind }) => kind === 'sso')
          .map(({ target, identity, tokenSecret }) => ({
            ssoConnectorId: target,
            ssoIdentity: { id: 'invented', userId: user_id, identityId: identity.userId, detail: identity.details },
            tokenSecret,
          })),
      },
    }
  }

  const local = await startLocal(reply)
  resource = `${local.url}/api`
  return Object.assign(local, {
    resource,
    management,
    exchange,
    addUser(user_id: string) {
      if (!users.has(user_id)) users.set(user_id, new Map())
    },
    link(user_id: string, target: string, given: Partial<LogtoIdentity> = {}, kind: 'social' | 'sso' = 'social') {
      if (!users.has(user_id)) users.set(user_id, new Map())
      const access_token = `invented-token-${user_id}-${target}`
      const identity = { userId: `invented-${target}-id`, details: {}, secret: { access_token }, ...given }
      users.get(user_id)?.set(target, { kind, identity })
      return identity
    },
    revokeUserTokens: () => {
      userTokens.clear()
    },
  })
}

/** The desensitised token set. */
function describe(userId: string, target: string, identity: LogtoIdentity, stored: LogtoSecret) {
  const { scope, expiresAt, refresh, extra } = stored
  return {
    id: `secret-${target}`,
    tenantId: 'default',
    userId,
    type: 'federated_token_set',
    metadata: { scope, expiresAt, tokenType: 'bearer', hasRefreshToken: refresh !== undefined },
    connectorId: `connector-${target}`,
    identityId: identity.userId,
    target,
    createdAt: MADE_MS,
    updatedAt: MADE_MS + 1999,
    ...extra,
  }
}

/** The documented error body. */
export function logtoFailure(status: number, code: string, data?: unknown): Reply {
  return { status, body: { code, message: 'invented-upstream-text', ...(data !== undefined && { data }) } }
}

/** What `/oidc/token` says. */
function oidcFailure(status: number, error: string): Reply {
  return { status, body: { error, error_description: 'invented-upstream-text', code: `oidc.${error}` } }
}
