/** The options of every upstream, each checked by the schema of its platform. */
import { unknownKey } from './explain.ts'
import { parsePart } from './parse.ts'
import type { Problem } from './problems.ts'
import type { Registry } from './schema.ts'
import { isMapping, valueAt } from './source.ts'
import type { Source } from './source.ts'
import { closestWord } from './suggest.ts'

export interface UpstreamConfig {
  /** The name that the operator gave it. */
  readonly name: string
  readonly platform: string
  /** As the platform's own schema parsed them. */
  readonly options: unknown
}

/** An upstream whose platform is not known is left out: the schema of the file reports it. */
export function parseUpstreams(
  source: Source,
  registry: Registry,
): { readonly upstreams: readonly UpstreamConfig[]; readonly problems: readonly Problem[] } {
  const entries = valueAt(source.value, ['upstreams'])
  const upstreams: UpstreamConfig[] = []
  const problems: Problem[] = []
  for (const [name, entry] of Object.entries(isMapping(entries) ? entries : {})) {
    if (!isMapping(entry)) continue
    const path = ['upstreams', name]
    const platform = entry.platform
    if (platform === undefined) {
      const mistyped = Object.keys(entry).filter((key) => closestWord(key, ['platform']) !== null)
      problems.push(...mistyped.map((key) => unknownKey(source, path, key, ['platform'])))
    }
    const known = typeof platform === 'string' && Object.hasOwn(registry, platform) ? registry[platform] : undefined
    if (typeof platform !== 'string' || known === undefined) continue
    const parsed = parsePart(known.options, source, path, ['platform'])
    problems.push(...parsed.problems)
    upstreams.push({ name, platform, options: parsed.value })
  }
  return { upstreams, problems }
}
