/** A strict local Descope, written from `docs/platforms/descope.md` and not from our client. */
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

export interface DescopeToken {
  id: string
  appId: string
  userId: string
  accessToken: string
  /** As on the wire: a number, seconds in a string, an ISO date. */
  accessTokenExpiry?: unknown
  lastRefreshError?: string
  [field: string]: unknown
}

export interface DescopeServerOptions {
  /** What is UNVERIFIED: the status and the code for a token that there is not. */
  readonly noToken?: { readonly status: number; readonly errorCode: string }
  /** Whether the list of apps of an unknown user is an error or empty (UNVERIFIED). */
  readonly unknownUser?: 'error' | 'empty'
}

export interface DescopeServer extends LocalServer {
  readonly project_id: string
  readonly management_key: string
  readonly users: Set<string>
  readonly apps: Set<string>
  /** Apps whose refresh fails, by `user app`. */
  readonly dead: Set<string>
  /** Also adds the user and the app. */
  connect(user_id: string, app_id: string, given?: Partial<DescopeToken>): DescopeToken
}

const keysOfToken = ['appId', 'userId', 'tenantId', 'options', 'externalIdentifier']

/** Starts the server on a free port of 127.0.0.1. */
export async function startDescope(options: DescopeServerOptions = {}): Promise<DescopeServer> {
  const { noToken = { status: 404, errorCode: 'E999001' }, unknownUser = 'error' } = options
  const project_id = 'P2inventedproject'
  const management_key = 'invented-management-key'
  const users = new Set<string>()
  const apps = new Set(['google', 'github', 'slack'])
  const dead = new Set<string>()
  const tokens = new Map<string, DescopeToken>()

  function reply(request: Received): Reply {
    const { headers, method, path, query } = request
    if (headers.authorization !== `Bearer ${project_id}:${management_key}`) return descopeFailure(401, 'E011005')
    if (method === 'POST' && path === '/v1/mgmt/outbound/app/user/token/latest') return latest(request)
    if (method !== 'GET') return descopeFailure(404, 'E999404')
    if (path === '/v1/mgmt/outbound/apps-with-user-token') return listApps(query)
    if (path === '/v1/mgmt/user') {
      const userId = query.get('userId') ?? ''
      return users.has(userId) ? { status: 200, body: { user: { userId } } } : descopeFailure(400, 'E112102')
    }
    const [, id = ''] = /^\/v1\/mgmt\/outbound\/app\/([^/]+)$/.exec(path) ?? []
    return apps.has(id) ? { status: 200, body: { app: { id, name: id } } } : descopeFailure(404, 'E999002')
  }

  function latest(request: Received): Reply {
    if (!request.headers['content-type']?.startsWith('application/json')) return descopeFailure(400, 'E011001')
    const body = JSON.parse(request.body) as Record<string, unknown>
    const { appId, userId, tenantId = '' } = body
    if (!Object.keys(body).every((key) => keysOfToken.includes(key))) return descopeFailure(400, 'E011001')
    if (typeof appId !== 'string' || typeof userId !== 'string' || appId === '' || userId === '')
      return descopeFailure(400, 'E011002')
    if (!users.has(userId)) return descopeFailure(400, 'E112102')
    const token = tokens.get(`${userId}\n${appId}\n${String(tenantId)}`)
    if (token === undefined || dead.has(`${userId}\n${appId}`)) return descopeFailure(noToken.status, noToken.errorCode)
    return { status: 200, body: { token } }
  }

  function listApps(query: URLSearchParams): Reply {
    const { userId = '', tenantId = '', ...others } = Object.fromEntries(query)
    if (userId === '' || Object.keys(others).length > 0) return descopeFailure(400, 'E011002')
    if (!users.has(userId) && unknownUser === 'error') return descopeFailure(400, 'E112102')
    const appIds = [...apps].filter((app) => tokens.has(`${userId}\n${app}\n${tenantId}`))
    return { status: 200, body: { appIds } }
  }

  const local = await startLocal(reply)
  return Object.assign(local, {
    project_id,
    management_key,
    users,
    apps,
    dead,
    connect(user_id: string, app_id: string, given: Partial<DescopeToken> = {}) {
      users.add(user_id)
      apps.add(app_id)
      const token = inventToken(user_id, app_id, given)
      tokens.set(`${user_id}\n${app_id}\n${String(token.tenantId)}`, token)
      return token
    },
  })
}

/** The documented error body. */
export function descopeFailure(status: number, errorCode: string): Reply & { readonly body: object } {
  const errorDescription = 'invented-upstream-text'
  return { status, body: { errorCode, errorDescription, errorMessage: errorDescription } }
}

function inventToken(userId: string, appId: string, given: Partial<DescopeToken>): DescopeToken {
  return {
    id: `token-${userId}-${appId}`,
    appId,
    userId,
    tokenSub: '1099',
    accessToken: `invented-token-${userId}-${appId}`,
    accessTokenType: 'Bearer',
    accessTokenExpiry: '4102444800',
    hasRefreshToken: true,
    lastRefreshTime: '1767222000',
    lastRefreshError: '',
    scopes: ['calendar'],
    tenantId: '',
    grantedBy: '',
    externalIdentifier: '',
    ...given,
  }
}
