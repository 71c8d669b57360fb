/** The grants of a service in the form that decisions want: sets, built once. */
import { checkProvider } from '../tokens/token.ts'
import type { Grant } from './options.ts'

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
