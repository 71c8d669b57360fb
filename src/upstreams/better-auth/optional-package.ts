/** `pg`, and the optional peer dependency `better-auth`: loaded only by an upstream that needs them. */
import { createRequire } from 'node:module'

// Node requires ES modules too (22.12 and later). Synchronous: a server that cannot read must not start.
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
