/** `tokengraph providers`: the catalogue of OAuth providers that the vault knows. */
import { stringify } from 'yaml'
import { closestWord } from '../lib/issues.ts'
import { findProvider, providerIds, readCatalogue } from '../upstreams/vault/providers/catalogue.ts'
import { describeLifetimes, describeRotation, describeVerification } from '../upstreams/vault/providers/describe.ts'
import type { Provider } from '../upstreams/vault/providers/provider.ts'
import type { Output } from './terminal.ts'

export interface ListOptions {
  /** One JSON object on each line, with the whole record. */
  readonly json?: boolean
}

/** Prints a table, or one JSON object per line. Returns the exit code, 0. */
export function listProviders({ json = false }: ListOptions, { out }: Output): 0 {
  const records = [...readCatalogue().values()]
  if (json) {
    for (const record of records) out.write(`${JSON.stringify(record)}\n`)
    return 0
  }
  const rows = records.map((record) => [
    record.id,
    describeVerification(record),
    describeLifetimes(record),
    describeRotation(record),
  ])
  for (const row of [['PROVIDER', 'VERIFIED', 'LIFETIMES', 'ROTATION'], ...rows]) out.write(formatLine(row))
  return 0
}

/** Prints the record of a provider in YAML. Returns 0, or 1 where the catalogue has none of that name. */
export function showProvider(name: string, { out, err }: Output): 0 | 1 {
  const record = findProvider(name)
  if (record === null) {
    const near = closestWord(name, providerIds)
    err.write(`The catalogue has no such provider${near === null ? '' : `; did you mean "${near}"?`}\n`)
    err.write('`tokengraph providers` lists those that it has.\n')
    return 1
  }
  out.write(`${heading(record)}${stringify(withoutEmpty(record), { lineWidth: 0 })}`)
  return 0
}

function heading({ verified_at: verifiedAt }: Provider): string {
  return verifiedAt === null
    ? '# Unverified: from reports and the code of others.\n'
    : `# From the documentation of ${verifiedAt}, apart from what is under \`unverified\`; not tried against the provider.\n`
}

/** Leaves out what a record does not say. */
function withoutEmpty(value: object): object {
  const entries = Object.entries(value).map(([key, child]: [string, unknown]) => [key, prune(child)] as const)
  return Object.fromEntries(entries.filter(([, child]) => child !== null))
}

/** null in place of an empty list or object. */
function prune(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.length === 0 ? null : (value as unknown[]).map(prune)
  const pruned = withoutEmpty(value)
  return Object.keys(pruned).length === 0 ? null : pruned
}

function formatLine([id = '', verified = '', lifetimes = '', rotation = '']: readonly string[]): string {
  return `${id.padEnd(14)}  ${verified.padEnd(10)}  ${lifetimes.padEnd(46)}  ${rotation}\n`
}
