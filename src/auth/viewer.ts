/** Who sends a request: the viewer, with what the access policy needs to know about it. */
import { CodedError, Reason } from '../errors.ts'
import type { SecretField } from '../tokens/types.ts'

export type Viewer = AnonymousViewer | UserViewer | ServiceViewer

export interface AnonymousViewer {
  readonly kind: 'anonymous'
}

/** A user, authenticated by a JWT of a configured issuer. */
export interface UserViewer {
  readonly kind: 'user'
  readonly userId: string
  readonly issuer: string
}

/** A service, authenticated by its service key. */
export interface ServiceViewer {
  readonly kind: 'service'
  readonly id: string
  readonly grants: readonly CompiledGrant[]
  /** Whether the service may introspect the schema in production. */
  readonly schema: boolean
}

/** One grant of a service, parsed once at start (`compileGrants`). A request must match all parts of one grant. */
export interface CompiledGrant {
  /** Canonical provider names. */
  readonly providers: 'all' | ReadonlySet<string>
  /** Exact user ids, and prefixes of user ids. */
  readonly users: 'all' | { readonly ids: ReadonlySet<string>; readonly prefixes: readonly string[] }
  /** Secret fields. Every grant includes the metadata. */
  readonly fields: 'all' | ReadonlySet<SecretField>
  /** Whether it covers connecting and disconnecting accounts. */
  readonly connect: boolean
  /** Milliseconds since 1970, exclusive; Infinity for a grant without an end. */
  readonly expiresAtMs: number
}

export const anonymous: Viewer = Object.freeze({ kind: 'anonymous' })

/**
 * Makes the UNAUTHENTICATED error for every invalid credential. Its message is fixed, so that a forger learns nothing
 * from it. `reason` becomes the cause, which only the log shows: a short phrase or an error code, never a part of the
 * credential.
 */
export function unauthenticated(reason: string): CodedError {
  return new CodedError('UNAUTHENTICATED', undefined, {}, { cause: new Reason(reason) })
}
