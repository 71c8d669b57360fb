/** The token exchange of Token Vault for a privileged worker (docs/platforms/auth0-token-vault.md): every claim is checked. */
import { jwtVerify } from 'jose'
import type { CryptoKey, KeyObject } from 'jose'
import type { Reply } from './local.ts'

export interface ExchangeOptions {
  readonly client_id: string
  readonly public_key: CryptoKey | KeyObject
  readonly key_id?: string
  /** At most five. */
  readonly connections: readonly string[]
  /** Left out: the client proves itself with `private_key_jwt`. */
  readonly client_secret?: string
}

export interface VaultEntry {
  access_token: string
  scope?: string
  /** Seconds that are left; the vault refreshes by itself. */
  expires_in?: number
  /** What the provider says to a refresh. */
  refresh?: 'works' | 'refused'
  [field: string]: unknown
}

export interface Exchange {
  /** By `user_id connection`. */
  readonly vault: Map<string, VaultEntry>
  readonly issuer: { url: string }
  reply(form: URLSearchParams): Promise<Reply>
}

const MAX_AGE_SECONDS = 60
const GRANT = 'urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token'
const REQUESTED = 'http://auth0.com/oauth/token-type/token-vault-access-token'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const parameters = [
  ...['grant_type', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type'],
  ...['subject_token', 'subject_token_type', 'requested_token_type', 'connection', 'login_hint'],
]

export function createExchange(worker: ExchangeOptions | undefined): Exchange {
  const vault = new Map<string, VaultEntry>()
  const issuer = { url: '' }
  const used = new Set<string>()

  async function verify(jwt: string, typ: string) {
    if (worker === undefined) throw new Error('no worker is configured')
    const { payload, protectedHeader } = await jwtVerify(jwt, worker.public_key, {
      issuer: worker.client_id,
      audience: issuer.url,
      typ,
      requiredClaims: ['sub', 'iat', 'jti'],
      maxTokenAge: MAX_AGE_SECONDS,
    })
    if (worker.key_id !== undefined && protectedHeader.kid !== worker.key_id) throw new Error('kid')
    const { jti = '' } = payload
    if (used.has(jti)) throw new Error('replayed')
    used.add(jti)
    return payload
  }

  async function isClient(form: URLSearchParams): Promise<boolean> {
    if (form.get('client_id') !== worker?.client_id) return false
    if (worker.client_secret !== undefined) return form.get('client_secret') === worker.client_secret
    if (form.get('client_assertion_type') !== ASSERTION || form.has('client_secret')) return false
    try {
      const { sub, exp } = await verify(form.get('client_assertion') ?? '', 'JWT')
      return sub === worker.client_id && exp !== undefined
    } catch {
      return false
    }
  }

  return {
    vault,
    issuer,
    async reply(form) {
      if (form.get('grant_type') !== GRANT) return oauthFailure(403, 'unsupported_grant_type')
      if (worker === undefined || !(await isClient(form))) return oauthFailure(401, 'invalid_client')
      if ([...form.keys()].some((key) => !parameters.includes(key))) return oauthFailure(400, 'invalid_request')
      if (form.get('subject_token_type') !== 'urn:ietf:params:oauth:token-type:jwt')
        return oauthFailure(400, 'invalid_request')
      if (form.get('requested_token_type') !== REQUESTED) return oauthFailure(400, 'invalid_request')
      const connection = form.get('connection') ?? ''
      const subject = await verify(form.get('subject_token') ?? '', 'token-vault-req+jwt').catch(() => null)
      if (subject === null || typeof subject.audit_context !== 'string' || subject.audit_context === '')
        return oauthFailure(400, 'invalid_request')
      if (!worker.connections.includes(connection)) return oauthFailure(403, 'access_denied')
      const entry = vault.get(`${subject.sub ?? ''}\n${connection}`)
      if (entry === undefined) return oauthFailure(401, 'federated_connection_refresh_token_not_found')
      const { refresh = 'works', ...rest } = entry
      if (refresh === 'refused') return oauthFailure(401, 'federated_connection_refresh_token_flow_failed')
      return { status: 200, body: { ...rest, issued_token_type: REQUESTED, token_type: 'Bearer' } }
    },
  }
}

/** OAuth's error body. */
export function oauthFailure(status: number, error: string): Reply {
  return { status, body: { error, error_description: 'invented-upstream-text' } }
}
