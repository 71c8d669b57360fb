/** The JWTs that a privileged worker signs (upstreams/auth0.md part C): who the user is, and who we are. */
import { randomUUID, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'

export const workerAlgorithms = ['RS256', 'PS256', 'ES256'] as const

type WorkerAlgorithm = (typeof workerAlgorithms)[number]

export interface WorkerKey {
  readonly key: KeyObject
  readonly algorithm: WorkerAlgorithm
  readonly key_id: string | null
}

export interface Worker {
  readonly client_id: string
  /** `https://{domain}/`, as both kinds of JWT name Auth0. */
  readonly audience: string
  /** Stands in Auth0's logs, 1 to 256 characters. */
  readonly audit_context: string
  readonly organization_id: string | null
}

/** Seconds. Auth0 refuses anything older than 60; no clock is that far off within one request. */
const LIFETIME = 60

/** Whether a key of this kind can sign so. */
export function fitsAlgorithm({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, algorithm: WorkerAlgorithm) {
  if (algorithm === 'ES256') return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1'
  return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
}

/** The subject of one exchange; each may be used once, so every request signs its own. */
export function signSubject(worker: Worker, key: WorkerKey, user_id: string): Promise<string> {
  const { client_id, audience, audit_context, organization_id } = worker
  const claims = { audit_context, ...(organization_id !== null && { org_id: organization_id }) }
  return sign(
    new SignJWT(claims).setSubject(user_id).setIssuer(client_id).setAudience(audience),
    key,
    'token-vault-req+jwt',
  )
}

/** The proof of the client itself, `private_key_jwt` (RFC 7523 section 3). */
export function signAssertion({ client_id, audience }: Worker, key: WorkerKey): Promise<string> {
  return sign(new SignJWT().setSubject(client_id).setIssuer(client_id).setAudience(audience), key, 'JWT')
}

function sign(jwt: SignJWT, { key, algorithm, key_id }: WorkerKey, typ: string): Promise<string> {
  return jwt
    .setProtectedHeader({ alg: algorithm, typ, ...(key_id !== null && { kid: key_id }) })
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${String(LIFETIME)}s`)
    .sign(key)
}
