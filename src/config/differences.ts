/** What two configurations differ in, by key and never by value: for a reload, and for the log. */
import { isSecret, reveal } from '../lib/secret.ts'
import type { Config } from './load.ts'

/** The keys of which a running server is made anew; the others need a restart. */
const reloadable = ['auth', 'gateway', 'limits', 'cors', 'subgraph', 'request_timeout_ms', 'documents'] as const
/** Of the listening socket. */
const ofSocket = ['limits.connections', 'limits.header_bytes']

export interface Differences {
  /** Paths such as `auth.services[reader].grants[0].providers`. */
  readonly changed: readonly string[]
  /** Those of them that a reload cannot bring about. */
  readonly needRestart: readonly string[]
}

export function compareConfigs(before: Config, after: Config): Differences {
  const changed = findChanges(before, after, '')
  const isReloadable = (path: string): boolean =>
    !ofSocket.includes(path) && reloadable.some((key) => path === key || path.startsWith(`${key}.`))
  return { changed, needRestart: changed.filter((path) => !isReloadable(path)) }
}

function findChanges(before: unknown, after: unknown, path: string): readonly string[] {
  if (Object.is(before, after) || (typeof before === 'function' && typeof after === 'function')) return []
  const [one, other] = [membersOf(before), membersOf(after)]
  if (one === null || other === null) return textOf(before) === textOf(after) ? [] : [path]
  const names = new Set([...one.keys(), ...other.keys()])
  return [...names].flatMap((name) => {
    const inner =
      Array.isArray(before) || Array.isArray(after) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`
    return one.has(name) && other.has(name) ? findChanges(one.get(name), other.get(name), inner) : [inner]
  })
}

/** Elements of a list by their id where they have one: a service that moves has not changed. null: no object. */
function membersOf(value: unknown): ReadonlyMap<string, unknown> | null {
  if (typeof value !== 'object' || value === null || isSecret(value)) return null
  if (!Array.isArray(value)) return new Map(Object.entries(value))
  return new Map(value.map((each: unknown, index) => [idOf(each) ?? String(index), each]))
}

function idOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null
  const { id, issuer, name } = value as Partial<Record<string, unknown>>
  const found = id ?? issuer ?? name
  return typeof found === 'string' ? found : null
}

function textOf(value: unknown): string {
  return isSecret(value) ? reveal(value) : JSON.stringify(value)
}
