/** The token endpoint of the local Keycloak: client credentials and the two token exchanges. */
import type { JWTPayload } from 'jose'
import type { Received, Reply } from './local.ts'

/** What a user linked, and what Keycloak stored of it. */
export interface KeycloakLink {
  /** The id and the name of the user at the provider. */
  userId: string
  userName: string
  /** The provider's own answer, as JSON or, where it is a string, as it came; null: nothing is stored. */
  stored: Record<string, unknown> | string | null
}

interface Client {
  readonly client_id: string
  readonly client_secret: string
}

interface Context {
  readonly client: Client
  readonly admin: Client
  readonly aliases: ReadonlyMap<string, boolean>
  sign(user_id: string, given: { claims: JWTPayload }): Promise<string>
  verify(token: string): Promise<JWTPayload | null>
  read(user_id: string, alias: string): KeycloakLink | undefined
}

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

export function createExchanges({ client, admin, aliases, sign, verify, read }: Context) {
  const adminTokens = new Set<string>()

  function isClient(form: URLSearchParams, { client_id, client_secret }: Client): boolean {
    return form.get('client_id') === client_id && form.get('client_secret') === client_secret
  }

  async function reply({ body, headers }: Received): Promise<Reply> {
    const form = new URLSearchParams(body)
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return oauthFailure(400, 'invalid_request')
    if (form.get('grant_type') === 'client_credentials') return clientCredentials(form)
    if (form.get('grant_type') !== GRANT) return oauthFailure(400, 'unsupported_grant_type')
    if (!isClient(form, client)) return oauthFailure(401, 'invalid_client')
    if (form.get('subject_token_type') !== ACCESS_TOKEN) return oauthFailure(400, 'invalid_request')
    const claims = await verify(form.get('subject_token') ?? '')
    if (claims?.sub === undefined) return oauthFailure(400, 'invalid_token')
    const alias = form.get('requested_issuer')
    return alias === null ? forClient(claims.sub) : forProvider(claims.sub, alias)
  }

  function clientCredentials(form: URLSearchParams): Reply {
    if (!isClient(form, admin)) return oauthFailure(401, 'invalid_client')
    const access_token = `invented-admin-token-${String(adminTokens.size)}`
    adminTokens.add(access_token)
    return { status: 200, body: { access_token, expires_in: 60, token_type: 'Bearer', scope: 'profile' } }
  }

  /** Standard token exchange: the user's token, for this client. */
  async function forClient(user_id: string): Promise<Reply> {
    const access_token = await sign(user_id, { claims: { azp: client.client_id } })
    return {
      status: 200,
      body: { access_token, expires_in: 300, issued_token_type: ACCESS_TOKEN, token_type: 'Bearer' },
    }
  }

  /** The deprecated one. */
  function forProvider(user_id: string, alias: string): Reply {
    const stores = aliases.get(alias)
    if (stores === undefined) return oauthFailure(400, 'invalid_request')
    if (!stores) return oauthFailure(400, 'invalid_target')
    const stored = read(user_id, alias)?.stored
    const link = { 'account-link-url': 'https://keycloak.example.invalid/link' }
    if (stored === undefined) return oauthFailure(400, 'not_linked', link)
    if (stored === null || typeof stored === 'string') return oauthFailure(400, 'token_expired', link)
    const access_token = stored.access_token ?? JSON.stringify(stored)
    const { expires_in } = stored
    return { status: 200, body: { access_token, expires_in, issued_token_type: ACCESS_TOKEN, ...link } }
  }

  return { reply, isAdmin: (token: string) => adminTokens.has(token) }
}

/** OAuth's error body. */
export function oauthFailure(status: number, error: string, more: object = {}): Reply {
  return { status, body: { error, error_description: 'invented-upstream-text', ...more } }
}
