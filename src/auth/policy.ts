/**
 * The access policy: may this viewer read this field of this subject at this provider? Pure functions of the viewer,
 * the request and a clock. Resolvers ask where the fields of a token are resolved, so that every path to a token (root
 * fields, `_entities`, connections, aliases) passes here (docs/promises.md S1). A decision does not depend on what a
 * platform answers, so that a caller without a right cannot tell an unknown user from a known one
 * (docs/promises.md S16).
 */
import { CodedError } from '../errors.ts'
import { unixMs } from '../lib/time.ts'
import { checkProvider } from '../tokens/ids.ts'
import type { SecretField } from '../tokens/types.ts'
import type { AuthOptions, Grant } from './options.ts'
import type { CompiledGrant, ServiceViewer, Viewer } from './viewer.ts'

/** `metadata` is everything about an account that is not a secret. */
export type ReadableField = SecretField | 'metadata'

/** What changes an account: one right for all of it. */
export const changes = ['start_connection', 'finish_connection', 'disconnect_account'] as const
export type Change = (typeof changes)[number]

export interface AccessRequest {
  /** The user id of the account's owner. */
  readonly subject: string
  /** The canonical name: `oauth_google`. */
  readonly provider: string
  readonly field: ReadableField
}

/** `reason` is the word that the audit records. */
export type Decision =
  | { readonly allowed: true; readonly reason: 'owner' | 'grant' }
  | { readonly allowed: false; readonly code: 'UNAUTHENTICATED'; readonly reason: 'anonymous' }
  | {
      readonly allowed: false
      readonly code: 'FORBIDDEN'
      readonly reason: 'not_owner' | 'owner_field_not_allowed' | 'no_grant' | 'grant_expired'
    }

export interface Access {
  decide(viewer: Viewer, request: AccessRequest): Decision
  /** Decides whether the viewer may connect and disconnect the subject's accounts at the provider. */
  decideChange(viewer: Viewer, subject: string, provider: string): Decision
  /** Decides whether the viewer may know of any account of the subject. */
  decideAccounts(viewer: Viewer, subject: string): Decision
  /** The providers at which the viewer may read the subject's metadata. Each secret still needs its own decision. */
  readableProviders(viewer: Viewer, subject: string): 'all' | ReadonlySet<string>
  /** The same for one viewer and one operation, which finds the grants for a provider and a field once. */
  forOperation(viewer: Viewer): OperationAccess
}

/** What one viewer may read. A grant that ends while the operation goes on holds until its end. */
export interface OperationAccess {
  decide(subject: string, provider: string, field: ReadableField): Decision
  decideChange(subject: string, provider: string): Decision
  decideAccounts(subject: string): Decision
  readableProviders(subject: string): 'all' | ReadonlySet<string>
}

const allowedOwner: Decision = { allowed: true, reason: 'owner' }
const allowedByGrant: Decision = { allowed: true, reason: 'grant' }
const deniedAnonymous: Decision = { allowed: false, code: 'UNAUTHENTICATED', reason: 'anonymous' }
const deniedNotOwner: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'not_owner' }
const deniedOwnerField: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'owner_field_not_allowed' }
const deniedNoGrant: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'no_grant' }
const deniedGrantExpired: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'grant_expired' }
const noProviders: ReadonlySet<string> = new Set()
/** Providers of which the decisions of one service are kept. */
const MAX_PROVIDERS = 1000

/**
 * Creates the policy. `owner.fields` lists the secrets that users may read of their own accounts. `now` returns
 * milliseconds since 1970; grants expire by it.
 */
export function createAccess(
  auth: { readonly owner: Pick<AuthOptions['owner'], 'fields'> & Partial<AuthOptions['owner']> },
  now: () => number = unixMs,
): Access {
  const ownerFields = new Set<ReadableField>(['metadata', ...auth.owner.fields])
  const ownerConnects = auth.owner.connect ?? true

  function decide(viewer: Viewer, request: AccessRequest): Decision {
    switch (viewer.kind) {
      case 'anonymous':
        return deniedAnonymous
      case 'user':
        if (viewer.userId !== request.subject) return deniedNotOwner
        return ownerFields.has(request.field) ? allowedOwner : deniedOwnerField
      case 'service':
        return decideByGrants(viewer, (grant) => covers(grant, request))
    }
  }

  function decideChange(viewer: Viewer, subject: string, provider: string): Decision {
    switch (viewer.kind) {
      case 'anonymous':
        return deniedAnonymous
      case 'user':
        if (viewer.userId !== subject) return deniedNotOwner
        return ownerConnects ? allowedOwner : deniedOwnerField
      case 'service':
        return decideByGrants(
          viewer,
          (grant) => grant.connect && coversUser(grant.users, subject) && coversField(grant, provider, 'metadata'),
        )
    }
  }

  function decideAccounts(viewer: Viewer, subject: string): Decision {
    switch (viewer.kind) {
      case 'anonymous':
        return deniedAnonymous
      case 'user':
        return viewer.userId === subject ? allowedOwner : deniedNotOwner
      case 'service':
        return decideByGrants(viewer, ({ users }) => coversUser(users, subject))
    }
  }

  /** One unexpired grant that applies is enough. Callers do not see whether an expired one applies; the audit does. */
  function decideByGrants({ grants }: ServiceViewer, applies: (grant: CompiledGrant) => boolean): Decision {
    let denied = deniedNoGrant
    for (const grant of grants) {
      if (!applies(grant)) continue
      if (isUnexpired(grant)) return allowedByGrant
      denied = deniedGrantExpired
    }
    return denied
  }

  function isUnexpired({ expiresAtMs }: CompiledGrant): boolean {
    return expiresAtMs === Infinity || now() < expiresAtMs
  }

  function readableProviders(viewer: Viewer, subject: string): 'all' | ReadonlySet<string> {
    if (viewer.kind === 'anonymous') return noProviders
    if (viewer.kind === 'user') return viewer.userId === subject ? 'all' : noProviders
    const names = new Set<string>()
    for (const grant of viewer.grants) {
      if (!isUnexpired(grant) || !coversUser(grant.users, subject)) continue
      if (grant.providers === 'all') return 'all'
      for (const name of grant.providers) names.add(name)
    }
    return names
  }

  /** Of services whose grants do not end: their decisions hold for every operation. */
  const lasting = new WeakMap<ServiceViewer, OperationAccess['decide']>()

  function decisionsOf(viewer: ServiceViewer): OperationAccess['decide'] {
    const known = lasting.get(viewer)
    if (known !== undefined) return known
    const made = createServiceDecisions(viewer)
    if (viewer.grants.every(({ expiresAtMs }) => expiresAtMs === Infinity)) lasting.set(viewer, made)
    return made
  }

  function forOperation(viewer: Viewer): OperationAccess {
    return {
      decide:
        viewer.kind === 'service'
          ? decisionsOf(viewer)
          : (subject, provider, field) => decide(viewer, { subject, provider, field }),
      decideChange: (subject, provider) => decideChange(viewer, subject, provider),
      decideAccounts: (subject) => decideAccounts(viewer, subject),
      readableProviders: (subject) => readableProviders(viewer, subject),
    }
  }

  /** A service reads many users: what is the same for all of them is decided once. */
  function createServiceDecisions(viewer: ServiceViewer): OperationAccess['decide'] {
    const byProvider = new Map<string, Partial<Record<ReadableField, Decision | ServiceViewer>>>()
    return (subject, provider, field) => {
      let byField = byProvider.get(provider)
      if (byField === undefined) {
        // Callers choose the names.
        if (byProvider.size >= MAX_PROVIDERS) byProvider.clear()
        byProvider.set(provider, (byField = {}))
      }
      const found = (byField[field] ??= decideForAll(viewer, provider, field))
      return 'allowed' in found ? found : decideByGrants(found, ({ users }) => coversUser(users, subject))
    }
  }

  /** The decision that holds for every user; where it depends on the user, the service with the grants that apply. */
  function decideForAll(viewer: ServiceViewer, provider: string, field: ReadableField): Decision | ServiceViewer {
    const grants = viewer.grants.filter((grant) => coversField(grant, provider, field))
    const isSame =
      grants.every(({ users }) => users === 'all') ||
      grants.some((grant) => grant.users === 'all' && isUnexpired(grant))
    return isSame ? decideByGrants({ ...viewer, grants }, ({ users }) => users === 'all') : { ...viewer, grants }
  }

  return { decide, decideChange, decideAccounts, readableProviders, forOperation }
}

/** One grant must cover the provider, the user and the field together. Parts of two grants do not add up. */
function covers(grant: CompiledGrant, { provider, subject, field }: AccessRequest): boolean {
  return coversUser(grant.users, subject) && coversField(grant, provider, field)
}

function coversField({ providers, fields }: CompiledGrant, provider: string, field: ReadableField): boolean {
  return (
    (providers === 'all' || providers.has(provider)) && (field === 'metadata' || fields === 'all' || fields.has(field))
  )
}

function coversUser(users: CompiledGrant['users'], subject: string): boolean {
  return users === 'all' || users.ids.has(subject) || users.prefixes.some((prefix) => subject.startsWith(prefix))
}

/** Throws UNAUTHENTICATED or FORBIDDEN, with the same message for every subject, unless the decision allows. */
export function allowOrThrow(decision: Decision): void {
  if (!decision.allowed) throw new CodedError(decision.code)
}

/** Whether the viewer may introspect the schema and read `_service` in production. */
export function maySeeSchema(viewer: Viewer): boolean {
  return viewer.kind === 'service' && viewer.schema
}

/** Parses the grants of a service. Throws BAD_USER_INPUT for a provider name that is not valid. */
export function compileGrants(grants: readonly Grant[]): readonly CompiledGrant[] {
  return grants.map(({ providers, users, fields, connect, expires_at }) => ({
    connect,
    providers: providers.includes('*')
      ? 'all'
      : new Set(providers.map((name) => checkProvider(name, 'grants.providers'))),
    users: compileUsers(users),
    fields: fields.includes('*') ? 'all' : new Set(fields.filter((field) => field !== '*')),
    expiresAtMs: expires_at === undefined ? Infinity : Date.parse(expires_at),
  }))
}

/**
 * An entry that ends in `*` is a prefix, and a `*` before the end is the character itself. A user id that ends in `*` is
 * covered by its prefix and cannot be listed alone: to read such an entry as an id would narrow grants that exist.
 */
function compileUsers(users: readonly string[]): CompiledGrant['users'] {
  if (users.includes('*')) return 'all'
  const [prefixes, ids] = [users.filter(isPrefix), users.filter((user) => !isPrefix(user))]
  return { ids: new Set(ids), prefixes: prefixes.map((user) => user.slice(0, -1)) }
}

function isPrefix(user: string): boolean {
  return user.endsWith('*')
}
