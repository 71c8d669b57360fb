/**
 * A YAML file and the environment → one validated, frozen `Config` (DESIGN 5). The only reader of `process.env`.
 * Which wins: the command line, then the file, then the environment, then the default.
 */
import { assembleConfig } from './config/assemble.ts'
import type { Config } from './config/assemble.ts'
import { checkAudit } from './audit/options.ts'
import { checkDocuments } from './server/trusted-documents/options.ts'
import { checkAuth } from './config/check-auth.ts'
import { checkRoutes } from './config/check-routes.ts'
import { createChecker } from './config/checks.ts'
import { parseConfigText } from './config/document.ts'
import { filelessSource, readVariables, variable } from './config/environment.ts'
import { deepFreeze } from './config/freeze.ts'
import { checkHost, parsePortOverride } from './config/listen.ts'
import { parsePart } from './config/parse.ts'
import { ConfigError } from './config/problems.ts'
import type { Problem } from './config/problems.ts'
import { readConfigFile } from './config/read-file.ts'
import { fileSchema } from './config/schema.ts'
import type { Registry } from './config/schema.ts'
import type { Source } from './config/source.ts'
import { parseUpstreams } from './config/upstream-options.ts'
import { platforms } from './upstreams/registry.ts'

export type { Config } from './config/assemble.ts'
export { ConfigError } from './config/problems.ts'

export interface LoadOptions {
  /** `--config`; otherwise the variable `TOKENGRAPH_CONFIG`; otherwise there is no file. */
  readonly file?: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly overrides?: { readonly port?: number | undefined } | undefined
}

/** The environment of the process, read once; hand it to everything that wants a variable. */
export function readEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env }
}

/** Throws one `ConfigError` that lists every mistake; opens no database and calls no upstream. */
export function loadConfig({ file, env, overrides }: LoadOptions, registry: Registry = platforms): Config {
  const opened = openSource(file, env)
  const { source } = opened
  const variables = readVariables(env)
  const port = parsePortOverride(overrides?.port)
  const options = parsePart(fileSchema(registry), source)
  const { upstreams, problems: upstreamProblems } = parseUpstreams(source, registry)
  const { checker, problems: checked } = createChecker(source)
  const hostProblems = checkHost(checker, variables)
  checkRoutes(checker)
  checkAuth(checker)
  checkAudit(checker)
  checkDocuments(checker)

  const problems = [
    ...opened.problems,
    ...options.problems,
    ...upstreamProblems,
    ...checked,
    ...hostProblems,
    ...variables.problems,
    ...port.problems,
  ]
  if (options.value === null || problems.length > 0) throw new ConfigError(problems)
  const portOverride = port.value ?? undefined
  return deepFreeze(assembleConfig({ file: options.value, source: opened.kind, upstreams, variables, portOverride }))
}

interface Opened {
  readonly kind: Config['source']
  readonly source: Source
  readonly problems: readonly Problem[]
}

function openSource(file: string | undefined, env: NodeJS.ProcessEnv): Opened {
  const name = file ?? variable(env, 'TOKENGRAPH_CONFIG')
  if (name === null) return { ...filelessSource(env), problems: [] }
  const text = readConfigFile(name, file === undefined ? 'TOKENGRAPH_CONFIG' : '--config')
  const document = parseConfigText(text, name, env)
  return { kind: 'file', source: document, problems: document.problems }
}
