/**
 * A YAML file and the environment → one validated, frozen `Config`. The only reader of `process.env`.
 * Precedence: the command line, then the file, then the environment, then the default.
 */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseEnv } from 'node:util'
import { resolveAudit } from '../audit/options.ts'
import type { AuditConfig } from '../audit/options.ts'
import { whyNot } from '../lib/files.ts'
import { valueAt } from '../lib/issues.ts'
import type { LogLevel } from '../log.ts'
import type { Mode } from '../mode.ts'
import { resolveDocuments } from '../server/trusted-documents/options.ts'
import type { DocumentsConfig } from '../server/trusted-documents/options.ts'
import type { Route, Routing } from '../tokens/types.ts'
import type { OpenPlatform, UpstreamDeps } from '../upstreams/platform.ts'
import { platforms } from '../upstreams/registry.ts'
import { filelessSource, parseEnvironment, variable } from './environment.ts'
import type { Environment } from './environment.ts'
import { describeFile, inputSchema } from './json-schema.ts'
import { parseSource } from './messages.ts'
import type { Parsed } from './messages.ts'
import { loadPlatforms } from './modules.ts'
import type { Platforms } from './modules.ts'
import { ConfigError, isMapping, pathText, plainSource } from './problems.ts'
import type { Problem, Source } from './problems.ts'
import { canonicalProviderOrNull, checkedFileSchema } from './rules.ts'
import { portOption } from './schema.ts'
import type { FileOptions, Registry } from './schema.ts'
import { parseConfigText } from './yaml.ts'

export { ConfigError } from './problems.ts'

/** The parts of the file that mean something else once the environment and the upstreams are known. */
type Resolved =
  | 'listen'
  | 'mode'
  | 'upstreams'
  | 'providers'
  | 'gateway'
  | 'audit'
  | 'documents'
  | 'metrics'
  | 'tracing'
  | 'unready_seconds'
  | 'log_level'

export interface UpstreamConfig {
  /** The name that the operator gave it. */
  readonly name: string
  readonly platform: string
  /** As the platform's own schema parsed them. */
  readonly options: unknown
  /** Opens the platform with these options. */
  open(deps: UpstreamDeps): OpenPlatform
}

/** Frozen at every depth; its secrets are `Secret` handles. The other parts of the file are in it as parsed. */
export interface Config extends Readonly<Omit<FileOptions, Resolved>> {
  readonly mode: Mode
  readonly source: 'file' | 'environment' | 'development default'
  /** Port 0: any free port; the log and `/ready` say which. */
  readonly listen: { readonly host: string; readonly port: number }
  readonly upstreams: readonly UpstreamConfig[]
  /** By canonical provider name (`oauth_google`). */
  readonly providers: Routing
  /** null: no proof of a gateway is asked for. */
  readonly gateway: NonNullable<FileOptions['gateway']> | null
  readonly audit: AuditConfig
  /** null: every operation is executed as it is sent. */
  readonly documents: DocumentsConfig | null
  /** null: no metrics are kept. */
  readonly metrics: NonNullable<FileOptions['metrics']> | null
  /** null: no traces are made. */
  readonly tracing: NonNullable<FileOptions['tracing']> | null
  readonly unready_seconds: number
  readonly log: { readonly level: LogLevel }
}

export interface LoadOptions {
  /** `--config`; null: the variable `TOKENGRAPH_CONFIG`, and without it there is no file. */
  readonly file?: string | null
  /** What the file would say, as a value or as its text, in its place. */
  readonly value?: unknown
  readonly text?: string
  readonly env: NodeJS.ProcessEnv
  /** `--port`; 0: any free port. */
  readonly port?: number | null
}

/**
 * The environment of the process, read once; hand it to everything that wants a variable. `file` has further variables, one
 * `NAME=value` on a line; those that are set already stay as they are. Throws `ConfigError` where it cannot be read.
 */
export function readEnvironment(file: string | null = null): NodeJS.ProcessEnv {
  const more = file === null ? {} : parseEnv(readConfigFile(file, '--env-file'))
  return { ...more, ...process.env }
}

/** Throws one `ConfigError` that lists every mistake; opens no database and calls no upstream. */
export function loadConfig(
  { file = null, value, text, env, port = null }: LoadOptions,
  known: Platforms = platforms,
): Config {
  const opened =
    value !== undefined ? openValue(value) : text !== undefined ? openText(text, env) : openSource(file, env)
  const { platforms: registry, problems: unloaded } = loadPlatforms(known, opened.source, opened.folder)
  const environment = parseEnvironment(env)
  const schema = checkedFileSchema(registry, environment, opened.source.value)
  const describe = () => describeFile(registry, platformsIn(opened.source.value, registry))
  const parsed = parseSource(schema, describe, opened.source)
  const override = parsePort(port)
  const problems = [
    ...opened.problems,
    ...unloaded,
    ...(unloaded.length > 0 ? [] : parsed.problems),
    ...environment.problems,
    ...override.problems,
  ]
  if (parsed.value === null || problems.length > 0) throw new ConfigError(problems)
  return deepFreeze(resolve(parsed.value, { kind: opened.kind, registry, environment, overridePort: override.value }))
}

/** The platforms that a file names: to describe all of them would take longer than to load the file. */
function platformsIn(value: unknown, registry: Registry): readonly string[] {
  const entries = valueAt(value, ['upstreams'])
  const names = isMapping(entries) ? Object.values(entries).map((entry) => valueAt(entry, ['platform'])) : []
  return Object.keys(registry).filter((name) => names.includes(name))
}

interface Opened {
  readonly kind: Config['source']
  readonly source: Source
  readonly problems: readonly Problem[]
  /** That paths in it are relative to. */
  readonly folder: string
}

function openValue(value: unknown): Opened {
  const source = plainSource(value, (path) => ({ where: 'configuration', path: pathText(path) }))
  return { kind: 'file', source, problems: [], folder: process.cwd() }
}

function openText(text: string, env: NodeJS.ProcessEnv): Opened {
  const document = parseConfigText(text, 'configuration', env)
  return { kind: 'file', source: document, problems: document.problems, folder: process.cwd() }
}

function openSource(file: string | null, env: NodeJS.ProcessEnv): Opened {
  const name = file ?? variable(env, 'TOKENGRAPH_CONFIG')
  if (name === null) return { ...filelessSource(env), folder: process.cwd() }
  const text = readConfigFile(name, file === null ? 'TOKENGRAPH_CONFIG' : '--config')
  const document = parseConfigText(text, name, env)
  return { kind: 'file', source: document, problems: document.problems, folder: dirname(name) }
}

function parsePort(port: number | null): Parsed<number> {
  if (port === null) return { value: null, problems: [] }
  const source = plainSource(port, () => ({ where: 'command line', path: '--port' }))
  return parseSource(portOption, () => inputSchema(portOption), source)
}

const DEFAULT_PORT = 4000

interface Surroundings {
  readonly kind: Config['source']
  readonly registry: Platforms
  readonly environment: Environment
  readonly overridePort: number | null
}

function resolve(file: FileOptions, { kind: source, registry, environment, overridePort }: Surroundings): Config {
  const { listen, log_level, unready_seconds, mode = 'production', ...rest } = file
  const isProduction = mode === 'production'
  return {
    mode,
    source,
    listen: {
      host: listen.host ?? environment.host ?? (isProduction ? '0.0.0.0' : '127.0.0.1'),
      port: overridePort ?? listen.port ?? environment.port ?? DEFAULT_PORT,
    },
    ...rest,
    upstreams: Object.entries(file.upstreams).map(([name, upstream]) => ({
      name,
      ...upstream,
      open: (deps: UpstreamDeps) => openPlatform(registry, upstream, deps),
    })),
    providers: resolveProviders(file),
    auth: withCanonicalGrants(file.auth),
    gateway: file.gateway ?? null,
    audit: resolveAudit(mode, file.audit),
    documents: resolveDocuments(mode, file.documents),
    metrics: file.metrics ?? null,
    tracing: environment.tracingOff ? null : (file.tracing ?? environment.tracing),
    unready_seconds: unready_seconds ?? (isProduction ? 3 : 0),
    log: { level: log_level ?? environment.logLevel ?? 'info' },
  }
}

/** The options were validated by the schema of this platform. */
function openPlatform(
  registry: Platforms,
  { platform, options }: { readonly platform: string; readonly options: unknown },
  deps: UpstreamDeps,
): OpenPlatform {
  const found = registry[platform]
  if (found === undefined) throw new Error(`there is no platform ${platform}`)
  return found.open(options, deps)
}

function resolveProviders({ providers, upstreams }: FileOptions): Routing {
  const { default: fallback, ...lines } = providers
  const routes = Object.entries(lines).map(([provider, route]): [string, Route] => {
    const { upstream, as } = typeof route === 'string' ? { upstream: route } : route
    return [canonical(provider), { upstream, as: as ?? null }]
  })
  const [only = null, ...others] = routes.length === 0 ? Object.keys(upstreams) : []
  return { routes: Object.fromEntries(routes), default: fallback ?? (others.length === 0 ? only : null) }
}

/** `google` and `oauth_google` in a grant mean the same provider: `oauth_google` from here on. */
function withCanonicalGrants(auth: FileOptions['auth']): FileOptions['auth'] {
  const services = auth.services.map((service) => ({
    ...service,
    grants: service.grants.map((grant) => ({ ...grant, providers: [...new Set(grant.providers.map(canonical))] })),
  }))
  return { ...auth, services }
}

/** The rules ran before: what is no provider name is `*`. */
function canonical(name: string): string {
  return name === '*' ? name : (canonicalProviderOrNull(name) ?? name)
}

/** Freezes plain objects and lists at every depth; not a `Secret` or a key object, which belong to their modules. */
export function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}

const MEBIBYTE = 1024 * 1024

/** The text of a file. Throws `ConfigError` that names it as it was given; `namedBy` says where the name came from. */
export function readConfigFile(file: string, namedBy: string, maxMebibytes = 1): string {
  const bytes = readBytes(file, namedBy)
  if (bytes.length > maxMebibytes * MEBIBYTE) throw unreadable(file, `the file is larger than ${maxMebibytes} MiB`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable(file, 'the file is not UTF-8 text')
  }
}

function readBytes(file: string, namedBy: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw unreadable(file, `cannot be read: ${whyNot(error) ?? 'unknown error'} (named by ${namedBy})`)
  }
}

function unreadable(file: string, message: string): ConfigError {
  return new ConfigError([{ where: file, path: '', line: null, column: null, message }])
}
