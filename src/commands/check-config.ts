/** `tokengraph check-config`: says what is wrong, or what took effect. */
import { stringify } from 'yaml'
import { ConfigError, loadConfig } from '../config.ts'
import type { Config } from '../config.ts'
import { openDocuments } from '../server/trusted-documents/check.ts'

export interface CheckConfigOptions {
  readonly file?: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly out: { write(text: string): unknown }
  readonly err: { write(text: string): unknown }
}

/**
 * Returns the exit code: 0 and the values on `out`, or 1 and every problem on `err`. Registered documents are checked
 * too, against the schema of this version; else it opens and calls nothing.
 */
export function checkConfig({ file, env, out, err }: CheckConfigOptions): 0 | 1 {
  try {
    const config = loadConfig({ file, env })
    openDocuments(config)
    out.write(summarize(config))
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    err.write(`${error.message}\n`)
    return 1
  }
}

/** The configuration as YAML. Secrets print as `[redacted]` by themselves; the hashes of service keys are left out. */
function summarize(config: Config): string {
  const services = config.auth.services.map(({ key_sha256: _hash, ...shown }) => shown)
  // Through JSON first: it is where a Secret turns into its placeholder.
  const shown: unknown = JSON.parse(JSON.stringify({ ...config, auth: { ...config.auth, services } }))
  return `# The configuration is valid. These values took effect:\n${stringify(shown, { lineWidth: 0 })}`
}
