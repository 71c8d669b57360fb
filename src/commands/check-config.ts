/** `tokengraph check-config`: reports every problem of the configuration, or the values that take effect. */
import { stringify } from 'yaml'
import { publishedSchema } from '../config/json-schema.ts'
import { findDeadRights } from '../config/dead-rights.ts'
import { ConfigError, loadConfig } from '../config/load.ts'
import type { Config } from '../config/load.ts'
import { plainHttpWarning } from '../config/rules.ts'
import { platforms } from '../upstreams/registry.ts'
import type { Format, Output } from './terminal.ts'

export interface CheckConfigOptions {
  /** `--config`; null where it is not given. */
  readonly file: string | null
  readonly env: NodeJS.ProcessEnv
  readonly format?: Format
}

/**
 * Returns the exit code: 0 and the values on `out`, or 1 and every problem on `err`. It also validates the registered
 * documents against the schema of this version. It opens no database and calls no upstream.
 */
export async function checkConfig(
  { file, env, format = 'text' }: CheckConfigOptions,
  { out, err }: Output,
): Promise<0 | 1> {
  try {
    const config = loadConfig({ file, env })
    // Loads GraphQL, which takes a third of the time of this command.
    if (config.documents !== null) {
      const { openDocuments } = await import('../server/trusted-documents/check.ts')
      openDocuments(config)
    }
    const warnings = [
      ...config.allow_http.map((name) => `allow_http: ${name}: ${plainHttpWarning}`),
      ...findDeadRights(config),
    ]
    if (format === 'text') for (const warning of warnings) err.write(`warning: ${warning}\n`)
    if (format === 'json')
      out.write(`${JSON.stringify({ valid: true, problems: [], warnings, config: shownOf(config) })}\n`)
    else
      out.write(
        `# The configuration is valid. These values took effect:\n${stringify(shownOf(config), { lineWidth: 0 })}`,
      )
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (format === 'json')
      out.write(`${JSON.stringify({ valid: false, problems: error.problems, warnings: [], config: null })}\n`)
    else err.write(`${error.message}\n`)
    return 1
  }
}

/** `tokengraph config schema`: returns the exit code, 0. */
export function printConfigSchema({ out }: Output): 0 {
  out.write(`${JSON.stringify(publishedSchema(platforms), null, 2)}\n`)
  return 0
}

/** The configuration without the hashes of service keys. Secrets are `[redacted]`. */
function shownOf(config: Config): unknown {
  const services = config.auth.services.map(({ key_sha256: _hash, ...shown }) => shown)
  // JSON comes first: `toJSON` turns a Secret into its placeholder.
  return JSON.parse(JSON.stringify({ ...config, auth: { ...config.auth, services } }))
}
