/**
 * The providers that need no description in the configuration. Facts come from the providers' documentation
 * (`docs_url`, read on `verified_at`) and from public reports; nothing was tried against a live provider.
 */
import { bareProvider } from '../../kit.ts'
import { business } from './business.ts'
import { commerce } from './commerce.ts'
import { first } from './first.ts'
import { providerRecord } from './provider.ts'
import type { Provider } from './provider.ts'
import { social } from './social.ts'
import { work } from './work.ts'

/** By id, in alphabetical order. */
export const catalogue: ReadonlyMap<string, Provider> = new Map(
  [...first, ...work, ...business, ...commerce, ...social]
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map((record) => [record.id, providerRecord.parse(record)]),
)

/** The record of `google`, or `oauth_google`; null where the catalogue has none. */
export function findProvider(name: string): Provider | null {
  return catalogue.get(bareProvider(name)) ?? null
}
