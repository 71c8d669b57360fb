/** A strict local Ory Kratos, written from docs/platforms/kratos.md and not from our client. */
import { startLocal } from './local.ts'
import type { LocalServer, Received, Reply } from './local.ts'

/** One entry of `credentials.oidc.config.providers`. */
export interface KratosLink {
  initial_id_token: string
  initial_access_token: string
  initial_refresh_token: string
  subject: string
  provider: string
  [field: string]: unknown
}

export interface KratosIdentity {
  readonly id: string
  readonly links: KratosLink[]
  /** `provider:subject` of SAML logins, which have no tokens. */
  readonly saml: string[]
}

export interface KratosServerOptions {
  /** Ory Network asks for a key; a self-hosted Kratos does not. */
  readonly api_key?: string
}

export interface KratosServer extends LocalServer {
  readonly identities: Map<string, KratosIdentity>
  addIdentity(id: string): KratosIdentity
  /** Also adds the identity. */
  link(id: string, provider: string, given?: Partial<KratosLink>): KratosLink
}

const MAX_IDS = 500
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const credentialTypes = ['password', 'oidc', 'totp', 'lookup_secret', 'webauthn', 'code', 'passkey', 'profile', 'saml']
const ISO = '2026-01-01T00:00:00Z'

/** Starts the server on a free port of 127.0.0.1. */
export async function startKratos({ api_key }: KratosServerOptions = {}): Promise<KratosServer> {
  const identities = new Map<string, KratosIdentity>()

  function reply(request: Received): Reply {
    if (api_key !== undefined && request.headers.authorization !== `Bearer ${api_key}`)
      return kratosFailure(401, 'Unauthorized')
    if (request.method !== 'GET') return kratosFailure(405, 'Method Not Allowed')
    if (request.path === '/admin/identities') return list(request.query)
    const [, id] = /^\/admin\/identities\/([^/]+)$/.exec(request.path) ?? []
    return id === undefined ? kratosFailure(404, 'Not Found') : get(decodeURIComponent(id), request.query)
  }

  function list(query: URLSearchParams): Reply {
    const ids = query.getAll('ids')
    const types = query.getAll('include_credential')
    const others = [...query.keys()].filter((key) => !['ids', 'include_credential', 'consistency'].includes(key))
    if (ids.length === 0 || ids.length > MAX_IDS || others.length > 0) return kratosFailure(400, 'Bad Request')
    if (!ids.every((id) => uuid.test(id)) || !types.every((type) => credentialTypes.includes(type)))
      return kratosFailure(400, 'Bad Request')
    const wanted = new Set(ids.map((id) => id.toLowerCase()))
    // Neither the order of the request nor that of creation.
    const found = [...identities.values()].filter(({ id }) => wanted.has(id)).reverse()
    return { status: 200, body: found.map((identity) => toJson(identity, types)) }
  }

  function get(id: string, query: URLSearchParams): Reply {
    if (!uuid.test(id)) return kratosFailure(400, 'Bad Request')
    const found = identities.get(id.toLowerCase())
    if (found === undefined) return kratosFailure(404, 'Not Found')
    return { status: 200, body: toJson(found, query.getAll('include_credential')) }
  }

  function addIdentity(id: string): KratosIdentity {
    const identity = identities.get(id) ?? { id, links: [], saml: [] }
    identities.set(id, identity)
    return identity
  }

  const local = await startLocal(reply)
  return Object.assign(local, {
    identities,
    addIdentity,
    link(id: string, provider: string, given: Partial<KratosLink> = {}) {
      const link = {
        initial_id_token: '',
        initial_access_token: `invented-token-${id}-${provider}`,
        initial_refresh_token: 'invented-refresh-token',
        subject: `subject-${provider}`,
        provider,
        use_auto_link: true,
        ...given,
      }
      addIdentity(id).links.push(link)
      return link
    },
  })
}

/** The documented error body (herodot). */
export function kratosFailure(
  code: number,
  status: string,
  reason = 'invented-upstream-text',
): Reply & { readonly body: object } {
  const error = {
    code,
    status,
    request: 'invented-request-1',
    reason,
    message: 'invented-upstream-text',
  }
  return { status: code, body: { error } }
}

function toJson({ id, links, saml }: KratosIdentity, types: readonly string[]): object {
  const dates = { created_at: ISO, updated_at: ISO }
  const identifiers = links.map(({ provider, subject }) => `${provider}:${subject}`)
  const config = types.includes('oidc') ? { providers: links } : {}
  return {
    id,
    schema_id: 'default',
    state: 'active',
    traits: { email: 'invented@example.invalid' },
    credentials: {
      ...(links.length > 0 && { oidc: { type: 'oidc', version: 0, identifiers, config, ...dates } }),
      ...(saml.length > 0 && { saml: { type: 'saml', version: 0, identifiers: saml, config: {}, ...dates } }),
    },
    metadata_public: null,
    metadata_admin: { internal: 'invented-admin-text' },
    ...dates,
  }
}
