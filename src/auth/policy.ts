/**
 * May this viewer read this field of that subject at this provider? Pure: no I/O, and the clock is given. Asked where the fields of
 * a token are resolved, so that every path to a token (root fields, `_entities`, connections, aliases) passes here
 * (TRUST S1). The answer depends on nothing that a platform said, so that a caller without a right cannot tell an
 * unknown user from a known one (TRUST S16).
 */
import { CodedError } from '../errors.ts'
import { checkProvider } from '../tokens/ids.ts'
import type { SecretField } from '../tokens/types.ts'
import type { AuthOptions, Grant } from './options.ts'
import type { Viewer } from './viewer.ts'

/** `metadata` is everything about an account that is not a secret. */
export type ReadableField = SecretField | 'metadata'

export interface Question {
  /** The user id of the account's owner. */
  readonly subject: string
  /** The canonical name: `oauth_google`. */
  readonly provider: string
  readonly field: ReadableField
}

/** `reason` is a word for the audit log. */
export type Decision =
  | { readonly allowed: true; readonly reason: 'owner' | 'grant' }
  | { readonly allowed: false; readonly code: 'UNAUTHENTICATED'; readonly reason: 'anonymous' }
  | {
      readonly allowed: false
      readonly code: 'FORBIDDEN'
      readonly reason: 'not_owner' | 'owner_field_not_allowed' | 'no_grant' | 'grant_expired'
    }

export interface Access {
  decide(viewer: Viewer, question: Question): Decision
  /** Whether the viewer may know of any account of the subject. */
  decideAccounts(viewer: Viewer, subject: string): Decision
  /** At which providers the viewer may read the subject's metadata at all; secrets need a decision each. */
  readableProviders(viewer: Viewer, subject: string): 'all' | ReadonlySet<string>
}

type ServiceViewer = Extract<Viewer, { kind: 'service' }>

const byOwner: Decision = { allowed: true, reason: 'owner' }
const byGrant: Decision = { allowed: true, reason: 'grant' }
const anonymousRefused: Decision = { allowed: false, code: 'UNAUTHENTICATED', reason: 'anonymous' }
const notOwner: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'not_owner' }
const ownerFieldRefused: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'owner_field_not_allowed' }
const noGrant: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'no_grant' }
const grantExpired: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'grant_expired' }
const none: ReadonlySet<string> = new Set()

/**
 * The rules; `owner.fields` says which secrets users may read of their own accounts. `now` gives the milliseconds since
 * 1970 by which grants expire.
 */
export function createAccess(auth: Pick<AuthOptions, 'owner'>, now: () => number = Date.now): Access {
  const ownerFields = new Set<ReadableField>(['metadata', ...auth.owner.fields])

  function decide(viewer: Viewer, question: Question): Decision {
    if (viewer.kind === 'anonymous') return anonymousRefused
    if (viewer.kind === 'user') {
      if (viewer.user_id !== question.subject) return notOwner
      return ownerFields.has(question.field) ? byOwner : ownerFieldRefused
    }
    return byGrants(viewer, (grant) => covers(grant, question))
  }

  function decideAccounts(viewer: Viewer, subject: string): Decision {
    if (viewer.kind === 'anonymous') return anonymousRefused
    if (viewer.kind === 'user') return viewer.user_id === subject ? byOwner : notOwner
    return byGrants(viewer, (grant) => grant.user.matches(subject))
  }

  /** Any living grant that applies is enough; that only a dead one does is for the audit to know. */
  function byGrants(viewer: ServiceViewer, applies: (grant: CompiledGrant) => boolean): Decision {
    const applying = compileGrants(viewer.grants).filter(applies)
    if (applying.some(isLiving)) return byGrant
    return applying.length > 0 ? grantExpired : noGrant
  }

  function isLiving({ until_ms }: CompiledGrant): boolean {
    return until_ms === Infinity || now() < until_ms
  }

  function readableProviders(viewer: Viewer, subject: string): 'all' | ReadonlySet<string> {
    if (viewer.kind === 'anonymous') return none
    if (viewer.kind === 'user') return viewer.user_id === subject ? 'all' : none
    const providers = new Set<string>()
    for (const grant of compileGrants(viewer.grants)) {
      if (!isLiving(grant) || !grant.user.matches(subject)) continue
      if (grant.providers === 'all') return 'all'
      for (const provider of grant.providers) providers.add(provider)
    }
    return providers
  }

  return { decide, decideAccounts, readableProviders }
}

/** One grant must cover the provider, the user and the field together: two halves make no right. */
function covers(grant: CompiledGrant, question: Question): boolean {
  return (
    grant.provider.matches(question.provider) &&
    grant.user.matches(question.subject) &&
    (question.field === 'metadata' || grant.field.matches(question.field))
  )
}

/** Throws UNAUTHENTICATED or FORBIDDEN, the same for every subject, unless the decision allows. */
export function allowOrThrow(decision: Decision): void {
  if (!decision.allowed) throw new CodedError(decision.code)
}

/** Whether the viewer may introspect the schema and read `_service` in production. */
export function maySeeSchema(viewer: Viewer): boolean {
  return viewer.kind === 'service' && viewer.schema
}

/** The grants of a service in the form that decisions want: sets, built once. */

interface Matcher {
  matches(value: string): boolean
}

export interface CompiledGrant {
  /** Canonical names, or `all`. */
  readonly providers: 'all' | ReadonlySet<string>
  readonly provider: Matcher
  readonly user: Matcher
  readonly field: Matcher
  /** Milliseconds since 1970, exclusive; Infinity: never. */
  readonly until_ms: number
}

const everything: Matcher = { matches: () => true }
const compiled = new WeakMap<readonly Grant[], readonly CompiledGrant[]>()

/** The compiled form of a service's grants; the list itself, which lives as long as the configuration, is the key. */
export function compileGrants(grants: readonly Grant[]): readonly CompiledGrant[] {
  let result = compiled.get(grants)
  if (result === undefined) {
    result = grants.map(compileGrant)
    compiled.set(grants, result)
  }
  return result
}

function compileGrant(grant: Grant): CompiledGrant {
  const providers = grant.providers.includes('*')
    ? 'all'
    : new Set(grant.providers.map((name) => checkProvider(name, 'grants.providers')))
  return {
    providers,
    provider: providers === 'all' ? everything : { matches: (value) => providers.has(value) },
    user: matchUsers(grant.users),
    field: matchFields(grant.fields),
    until_ms: grant.expires_at === undefined ? Infinity : Date.parse(grant.expires_at),
  }
}

function matchFields(fields: Grant['fields']): Matcher {
  if (fields.includes('*')) return everything
  const names = new Set<string>(fields)
  return { matches: (value) => names.has(value) }
}

/** Exact ids, and prefixes that end in `*`; `*` alone is the empty prefix. No user id can hold a `*` itself. */
function matchUsers(users: readonly string[]): Matcher {
  if (users.includes('*')) return everything
  const ids = new Set(users)
  const prefixes = users.filter((user) => user.endsWith('*')).map((user) => user.slice(0, -1))
  return { matches: (value) => ids.has(value) || prefixes.some((prefix) => value.startsWith(prefix)) }
}
