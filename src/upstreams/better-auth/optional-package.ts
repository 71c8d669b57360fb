/** Optional peer dependencies: a default install does not have them, and only an upstream that opens loads them. */
import { createRequire } from 'node:module'

// Node loads ES modules this way too (22.12 and later), and at once: a server that cannot read must not start.
const load = createRequire(import.meta.url)

/** The package's exports; throws `Error` with a message for the operator where it is not installed. */
export function loadOptionalPackage(specifier: string, reason: string): unknown {
  try {
    return load(specifier)
  } catch (cause) {
    const name = specifier.split('/')[0] ?? specifier
    if (cause instanceof Error && 'code' in cause && cause.code === 'MODULE_NOT_FOUND')
      throw new Error(`${reason} needs the package ${name}, which is not installed: run npm install ${name}`, { cause })
    throw new Error(`${reason} needs the package ${name}, which cannot be loaded`, { cause })
  }
}
