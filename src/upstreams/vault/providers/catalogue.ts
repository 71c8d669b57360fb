/**
 * The providers that need no description in the configuration. Facts come from the providers' documentation
 * (`docs_url`, read on `verified_at`) and from public reports; nothing was tried against a live provider.
 */
import { bareProvider } from '../../kit.ts'
import { business } from './business.ts'
import { commerce } from './commerce.ts'
import { first } from './first.ts'
import { providerRecord } from './provider.ts'
import type { Provider, ProviderInput } from './provider.ts'
import { social } from './social.ts'
import { work } from './work.ts'

const written = new Map(
  [...first, ...work, ...business, ...commerce, ...social]
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map((record) => [record.id, record]),
)

const completed = new Map<string, Provider>()

/** In alphabetical order. */
export const providerIds: readonly string[] = [...written.keys()]

/** The record of `google`, or `oauth_google`; null where the catalogue has none. */
export function findProvider(name: string): Provider | null {
  const id = bareProvider(name)
  const record = written.get(id)
  return record === undefined ? null : complete(id, record)
}

/** Every record by its id, in alphabetical order. */
export function readCatalogue(): ReadonlyMap<string, Provider> {
  return new Map([...written].map(([id, record]) => [id, complete(id, record)]))
}

/** To complete and check all of the records takes 20 ms: each is when it is first asked for, and not at each start. */
function complete(id: string, record: ProviderInput): Provider {
  const known = completed.get(id)
  if (known !== undefined) return known
  const provider = providerRecord.parse(record)
  completed.set(id, provider)
  return provider
}
