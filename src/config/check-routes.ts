/** Which upstream answers for which provider: the rules that no schema can state (DESIGN 5). */
import { CodedError } from '../errors.ts'
import { checkProvider, wireProvider } from '../tokens/ids.ts'
import { upstreamNames } from './checks.ts'
import type { Checker } from './checks.ts'
import { isMapping } from './source.ts'
import { closestWord, didYouMean } from './suggest.ts'

export function checkRoutes(checker: Checker): void {
  const { at, report } = checker
  const names = upstreamNames(checker)
  const providers = at(['providers']) ?? {}
  if (names?.length === 0 && checker.mode === 'production')
    report(['upstreams'], 'production needs at least one upstream', 'key')
  if (names === null || !isMapping(providers)) return

  checkProviderNames(checker, Object.keys(providers))
  if (names.length > 1 && Object.keys(providers).length === 0)
    report(['providers'], 'there are several upstreams: expected a line for each provider, or "default"', 'key')
  if (names.length === 0 && checker.mode === 'production') return
  for (const [provider, route] of Object.entries(providers)) {
    const nested = isMapping(route)
    const target = nested ? route.upstream : route
    if (typeof target !== 'string' || target === '' || names.includes(target)) continue
    const path = nested ? ['providers', provider, 'upstream'] : ['providers', provider]
    report(path, `no upstream has this name${didYouMean(target, names)}`)
  }
}

function checkProviderNames({ report }: Checker, keys: readonly string[]): void {
  const seen = new Set<string>()
  for (const key of keys.filter((name) => name !== 'default')) {
    const path = ['providers', key]
    const name = canonicalProviderOrNull(key)
    if (name === null) report(path, providerNameMessage, 'key')
    else if (seen.has(name))
      report(path, 'this provider has a line already; with and without "oauth_" a name means the same', 'key')
    else if (closestWord(key, ['default']) !== null)
      report(path, 'did you mean "default"? For a provider of this name, write it with "oauth_" in front', 'key')
    if (name !== null) seen.add(name)
  }
}

export const providerNameMessage =
  'expected a provider name such as "oauth_google" or "google": 1 to 100 letters, digits and _ . -'

/** `oauth_google` for `google`; null for what is no provider name. */
export function canonicalProviderOrNull(name: string): string | null {
  try {
    return wireProvider(checkProvider(name))
  } catch (error) {
    if (error instanceof CodedError) return null
    throw error
  }
}
