/** Platforms of one's own: modules that the configuration names by their path, `platform: ./acme.ts`. */
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { valueAt } from '../lib/issues.ts'
import type { Platform } from '../upstreams/platform.ts'
import { isMapping } from './problems.ts'
import type { Problem, Source } from './problems.ts'

export type Platforms = Readonly<Record<string, Platform>>

export interface Loaded {
  readonly platforms: Platforms
  readonly problems: readonly Problem[]
}

const isPath = /^(?:\.{1,2}[\\/]|[\\/]|file:)/

/**
 * The platforms with those that the source names by path, relative to `folder`. A module is loaded as code of this server:
 * whoever writes the configuration is trusted with its secrets.
 */
export function loadPlatforms(known: Platforms, source: Source, folder: string): Loaded {
  const problems: Problem[] = []
  const loaded: Record<string, Platform> = {}
  const upstreams = valueAt(source.value, ['upstreams'])
  for (const [name, entry] of Object.entries(isMapping(upstreams) ? upstreams : {})) {
    const named = valueAt(entry, ['platform'])
    if (typeof named !== 'string' || !isPath.test(named) || Object.hasOwn(loaded, named)) continue
    const found = loadPlatform(named, folder)
    if (typeof found === 'string')
      problems.push({ ...source.place(['upstreams', name, 'platform'], 'value'), message: found })
    else loaded[named] = found
  }
  // A copy would load every platform.
  return { platforms: Object.keys(loaded).length === 0 ? known : { ...known, ...loaded }, problems }
}

/** The platform, or why there is none. */
function loadPlatform(path: string, folder: string): Platform | string {
  const file = path.startsWith('file:') ? new URL(path) : pathToFileURL(resolve(folder, path))
  let exported: unknown
  try {
    // Synchronous, as the rest of the loading is: Node loads ES modules so that have no top-level await.
    exported = createRequire(pathToFileURL(join(folder, '/')))(file.pathname) as unknown
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an error'
    return code === 'MODULE_NOT_FOUND' || code === 'ENOENT'
      ? `there is no module ${path}`
      : `the module ${path} cannot be loaded: ${code}${error instanceof Error ? `: ${firstLine(error.message)}` : ''}`
  }
  const platform = valueAt(exported, ['default']) ?? exported
  return isPlatform(platform)
    ? platform
    : `the module ${path} exports no platform: expected export default definePlatform({ … })`
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? ''
}

function isPlatform(value: unknown): value is Platform {
  return isMapping(value) && typeof value.open === 'function' && isMapping(value.options) && isMapping(value.docs)
}
