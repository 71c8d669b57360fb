/** A strict local FusionAuth, written from docs/platforms/fusionauth.md and not from our client. */
import { startLocal } from './local.ts'
import type { LocalServer, Received, Reply } from './local.ts'

export interface FusionAuthLink {
  identityProviderId: string
  identityProviderName: string
  identityProviderType: string
  identityProviderUserId: string
  userId: string
  displayName: string
  token?: string
  data?: Record<string, unknown>
  [field: string]: unknown
}

export interface FusionAuthServerOptions {
  readonly api_key?: string
  /** Set: the instance has several tenants, and the header is required. */
  readonly tenant_id?: string
  /** What an unknown user gives; which of the two is UNVERIFIED. */
  readonly unknownUser?: 'not found' | 'empty'
}

export interface FusionAuthServer extends LocalServer {
  readonly api_key: string
  readonly users: Set<string>
  readonly links: FusionAuthLink[]
  /** Also adds the user. */
  link(user_id: string, identity_provider_id: string, given?: Partial<FusionAuthLink>): FusionAuthLink
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const empty = (status: number): Reply => ({ status, body: undefined, raw: '' })

/** Starts the server on a free port of 127.0.0.1. */
export async function startFusionAuth(options: FusionAuthServerOptions = {}): Promise<FusionAuthServer> {
  const { api_key = 'invented-api-key', tenant_id, unknownUser = 'not found' } = options
  const users = new Set<string>()
  const links: FusionAuthLink[] = []

  function reply({ headers, method, path, query }: Received): Reply {
    // No scheme: "Bearer …" is another key than the one that is stored.
    if (headers.authorization !== api_key) return empty(401)
    if (tenant_id !== undefined && headers['x-fusionauth-tenantid'] !== tenant_id)
      return { status: 400, body: { fieldErrors: {}, generalErrors: [problem('[TenantIdRequired]')] } }
    if (method !== 'GET') return empty(405)
    if (path === '/api/identity-provider/link') return readLinks(query)
    const [, user_id] = /^\/api\/user\/([^/]+)$/.exec(path) ?? []
    if (user_id === undefined || !users.has(user_id)) return empty(404)
    return { status: 200, body: { user: { id: user_id, email: 'invented@example.invalid', active: true } } }
  }

  function readLinks(query: URLSearchParams): Reply {
    const { userId, identityProviderId, identityProviderUserId, ...others } = Object.fromEntries(query)
    if (Object.keys(others).length > 0) return invalid('parameters')
    if (userId !== undefined && !uuid.test(userId)) return invalid('userId')
    if (identityProviderId !== undefined && !uuid.test(identityProviderId)) return invalid('identityProviderId')
    const found = links.filter(
      (link) =>
        (userId === undefined || link.userId === userId.toLowerCase()) &&
        (identityProviderId === undefined || link.identityProviderId === identityProviderId) &&
        (identityProviderUserId === undefined || link.identityProviderUserId === identityProviderUserId),
    )
    if (identityProviderId !== undefined && identityProviderUserId !== undefined)
      return found[0] === undefined ? empty(404) : { status: 200, body: { identityProviderLink: found[0] } }
    if (userId === undefined) return invalid('userId')
    if (!users.has(userId) && unknownUser === 'not found') return empty(404)
    return { status: 200, body: found.length === 0 ? {} : { identityProviderLinks: found } }
  }

  const local = await startLocal(reply)
  return Object.assign(local, {
    api_key,
    users,
    links,
    link(user_id: string, identity_provider_id: string, given: Partial<FusionAuthLink> = {}) {
      users.add(user_id)
      const link = inventLink(user_id, identity_provider_id, given)
      links.push(link)
      return link
    },
  })
}

function inventLink(userId: string, identityProviderId: string, given: Partial<FusionAuthLink>): FusionAuthLink {
  return {
    data: {},
    displayName: 'invented@example.invalid',
    identityProviderId,
    identityProviderName: 'Invented',
    identityProviderType: 'OpenIDConnect',
    identityProviderUserId: '1099',
    insertInstant: 1_767_225_600_000,
    lastLoginInstant: 1_767_225_601_999,
    tenantId: '7f2a1f0e-0000-4000-8000-000000000001',
    token: `invented-token-${userId}`,
    userId,
    ...given,
  }
}

function invalid(field: string): Reply {
  return { status: 400, body: { fieldErrors: { [field]: [problem(`[invalid]${field}`)] }, generalErrors: [] } }
}

function problem(code: string): object {
  return { code, message: 'invented-upstream-text' }
}
