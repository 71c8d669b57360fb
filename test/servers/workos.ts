/** A strict local WorkOS, written from `docs/platforms/workos.md` and not from our client. */
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

/** A connection as the token call answers it; `state` is the one of the metadata. */
export interface PipesConnection {
  access_token: string
  /** ISO 8601, as on the wire. */
  expires_at: string | null
  scopes: string[]
  missing_scopes: string[]
  state: 'connected' | 'needs_reauthorization' | 'disconnected'
  auth_method: 'oauth' | 'api_key' | 'client_credentials'
  /** What the documentation does not name. */
  extra: Readonly<Record<string, unknown>>
}

export interface WorkosServer extends LocalServer {
  readonly api_key: string
  /** Users and the providers that are set up. */
  readonly users: Set<string>
  readonly slugs: Set<string>
  readonly organizations: Set<string>
  /** Also adds the user, the slug and the organization. */
  connect(user_id: string, slug: string, given?: Partial<PipesConnection>, organization_id?: string): PipesConnection
}

const ISO = '2026-01-01T00:00:00.000Z'

/** Starts the server on a free port of 127.0.0.1. */
export async function startWorkos({ api_key = 'sk_test_invented_key' } = {}): Promise<WorkosServer> {
  const users = new Set<string>()
  const slugs = new Set(['google', 'github', 'slack'])
  const organizations = new Set<string>()
  const connections = new Map<string, PipesConnection>()

  function reply(request: Received): Reply {
    if (request.headers.authorization !== `Bearer ${api_key}`) return failure(401, 'Unauthorized')
    const [, slug] = /^\/data-integrations\/([^/]+)\/token$/.exec(request.path) ?? []
    if (slug !== undefined && request.method === 'POST') return readToken(decodeURIComponent(slug), request)
    const [, user_id] = /^\/user_management\/users\/([^/]+)\/data_providers$/.exec(request.path) ?? []
    if (user_id !== undefined && request.method === 'GET') return list(decodeURIComponent(user_id), request.query)
    return failure(404, 'Not Found')
  }

  function readToken(slug: string, request: Received): Reply {
    const body = parseBody(request)
    if (body === null) return failure(400, 'invented-upstream-text: the body is not valid')
    const { user_id, organization_id } = body
    if (!slugs.has(slug)) return failure(404, 'invented-upstream-text: no such provider')
    if (!users.has(user_id) || (organization_id !== undefined && !organizations.has(organization_id)))
      return failure(404, 'invented-upstream-text: no such user')
    const found = connections.get(keyOf(user_id, slug, organization_id))
    if (found === undefined || found.state === 'disconnected')
      return { status: 200, body: { active: false, error: 'not_installed' } }
    if (found.auth_method !== 'oauth')
      return { status: 422, body: { message: 'invented-upstream-text', code: 'auth_method_mismatch' } }
    if (found.state === 'needs_reauthorization')
      return { status: 200, body: { active: false, error: 'needs_reauthorization' } }
    const { access_token, expires_at, scopes, missing_scopes, extra } = found
    return {
      status: 200,
      body: {
        active: true,
        access_token: { object: 'access_token', access_token, expires_at, scopes, missing_scopes, ...extra },
      },
    }
  }

  function list(user_id: string, query: URLSearchParams): Reply {
    if ([...query.keys()].some((key) => key !== 'organization_id')) return failure(400, 'invented-upstream-text')
    const organization_id = query.get('organization_id') ?? undefined
    if (!users.has(user_id) || (organization_id !== undefined && !organizations.has(organization_id)))
      return failure(404, 'invented-upstream-text: no such user')
    const data = [...slugs].map((slug) => {
      const found = connections.get(keyOf(user_id, slug, organization_id))
      return {
        object: 'data_provider',
        id: `data_provider_${slug}`,
        slug,
        name: slug,
        integration_type: slug,
        scopes: null,
        ownership: 'userland_user',
        connected_account: found === undefined ? null : toAccount(user_id, slug, found, organization_id),
      }
    })
    return { status: 200, body: { object: 'list', data } }
  }

  const local = await startLocal(reply)
  return Object.assign(local, {
    api_key,
    users,
    slugs,
    organizations,
    connect(user_id: string, slug: string, given: Partial<PipesConnection> = {}, organization_id?: string) {
      users.add(user_id)
      slugs.add(slug)
      if (organization_id !== undefined) organizations.add(organization_id)
      const connection = inventConnection(user_id, slug, given)
      connections.set(keyOf(user_id, slug, organization_id), connection)
      return connection
    },
  })
}

function inventConnection(user_id: string, slug: string, given: Partial<PipesConnection>): PipesConnection {
  return {
    access_token: `invented-token-${user_id}-${slug}`,
    expires_at: '2100-01-01T00:00:00.000Z',
    scopes: ['repo'],
    missing_scopes: [],
    state: 'connected',
    auth_method: 'oauth',
    extra: {},
    ...given,
  }
}

function toAccount(user_id: string, slug: string, found: PipesConnection, organization_id: string | undefined) {
  return {
    object: 'connected_account',
    id: `data_installation_${user_id}_${slug}`,
    user_id,
    userlandUserId: user_id,
    organization_id: organization_id ?? null,
    scopes: found.scopes,
    auth_method: found.auth_method,
    state: found.state,
    created_at: ISO,
    updated_at: ISO,
    createdAt: ISO,
    updatedAt: ISO,
    ...found.extra,
  }
}

function failure(status: number, message: string): Reply {
  return { status, body: { message } }
}

/** null where the body is not the documented one. */
function parseBody(request: Received): { user_id: string; organization_id?: string } | null {
  if (!request.headers['content-type']?.startsWith('application/json')) return null
  const body = JSON.parse(request.body) as Record<string, unknown>
  const { user_id, organization_id, ...unknown } = body
  if (typeof user_id !== 'string' || user_id === '' || Object.keys(unknown).length > 0) return null
  if (organization_id === undefined) return { user_id }
  return typeof organization_id === 'string' ? { user_id, organization_id } : null
}

function keyOf(user_id: string, slug: string, organization_id = ''): string {
  return `${user_id}\n${slug}\n${organization_id}`
}
