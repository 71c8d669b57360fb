/** The variables that the server itself reads, and the configuration that they make when there is no file. */
import type { z } from 'zod'
import { withoutTrailingSlashes } from '../lib/url.ts'
import type { LogLevel } from '../log.ts'
import { inputSchema } from './json-schema.ts'
import { parseSource } from './messages.ts'
import { pathText, plainSource } from './problems.ts'
import type { Problem, Source } from './problems.ts'
import { hostOption, logLevelOption, portOption } from './schema.ts'
import { findVariable } from './values.ts'
import { convertVariables } from './variables.ts'
import { tracingOptions } from '../server/observability/options.ts'
import type { TracingOptions } from '../server/observability/options.ts'

/** The values that the file may leave open; null: the variable is not set. */
export interface Environment {
  readonly host: string | null
  readonly port: number | null
  readonly logLevel: LogLevel | null
  /** Where the variables of OpenTelemetry send spans; null: nowhere. */
  readonly tracing: TracingOptions | null
  /** Whether they turn spans off, whatever the file says. */
  readonly tracingOff: boolean
  readonly problems: readonly Problem[]
}

/** An empty variable counts as not set. */
export function parseEnvironment(env: NodeJS.ProcessEnv): Environment {
  const problems: Problem[] = []
  const read = <T>(name: string, schema: z.ZodType<T>, text = variable(env, name)): T | null => {
    if (text === null) return null
    const described = inputSchema(schema)
    const source = plainSource(
      convertVariables(text, described, () => true),
      () => ({ where: 'environment', path: name }),
    )
    const parsed = parseSource(schema, () => described, source)
    problems.push(...parsed.problems)
    return parsed.value
  }
  const collector = collectorOf(env)
  const tracingOff = variable(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true'
  const endpoint = tracingOff || collector === null ? null : read(collector.name, collectorUrl, collector.url)
  return {
    tracing: endpoint === null ? null : { endpoint },
    tracingOff,
    host: read('TOKENGRAPH_HOST', hostOption),
    port: read('PORT', portOption),
    logLevel: read('LOG_LEVEL', logLevelOption, logLevelOf(variable(env, 'LOG_LEVEL'))),
    problems,
  }
}

const collectorUrl = tracingOptions.shape.endpoint

/**
 * Where the SDK environment variables of OpenTelemetry send spans: the address for traces as it is, or the common one
 * with the path of traces (OTLP exporter specification, "Endpoint URLs for OTLP/HTTP").
 */
function collectorOf(env: NodeJS.ProcessEnv): { readonly name: string; readonly url: string } | null {
  if (variable(env, 'OTEL_TRACES_EXPORTER') === 'none') return null
  const traces = variable(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  if (traces !== null) return { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', url: traces }
  const common = variable(env, 'OTEL_EXPORTER_OTLP_ENDPOINT')
  if (common === null) return null
  return { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', url: `${withoutTrailingSlashes(common)}/v1/traces` }
}

/** Levels of other loggers, by the closest one here: platforms set `LOG_LEVEL` for all their programs. */
const otherLevels: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  verbose: 'debug',
  notice: 'info',
  warning: 'warn',
  fatal: 'error',
  critical: 'error',
  off: 'silent',
}

/** In any case. */
function logLevelOf(text: string | null): string | null {
  const level = text?.toLowerCase() ?? null
  return level !== null && Object.hasOwn(otherLevels, level) ? (otherLevels[level] ?? null) : level
}

/** The value of a variable; null where it is not set or empty. */
export function variable(env: NodeJS.ProcessEnv, name: string): string | null {
  const value = env[name]
  return value === undefined || value === '' ? null : value
}

export interface Fileless {
  readonly kind: 'environment' | 'development default'
  readonly source: Source
  readonly problems: readonly Problem[]
}

const clerkVariables: Readonly<Record<string, string>> = {
  'upstreams.clerk.secret_key': 'CLERK_SECRET_KEY',
  'upstreams.clerk.base_url': 'CLERK_API_URL',
}

/** Without a file: Clerk serves every provider when its key is set; otherwise there is no upstream yet. */
export function filelessSource(env: NodeJS.ProcessEnv): Fileless {
  const isSet = variable(env, 'CLERK_SECRET_KEY') !== null || variable(env, 'CLERK_SECRET_KEY_FILE') !== null
  const found = isSet ? findVariable('CLERK_SECRET_KEY', env) : null
  const secretKey = found !== null && 'value' in found ? found.value : null
  const api = variable(env, 'CLERK_API_URL')
  const baseUrl = api === null ? {} : { base_url: withVersion(api) }
  const upstreams = secretKey === null ? {} : { clerk: { platform: 'clerk', secret_key: secretKey, ...baseUrl } }
  return {
    kind: secretKey === null ? 'development default' : 'environment',
    problems:
      found !== null && 'problem' in found
        ? [{ where: 'environment', path: 'CLERK_SECRET_KEY', line: null, column: null, message: found.problem }]
        : [],
    source: plainSource({ mode: 'development', upstreams }, (path) => ({
      where: 'environment',
      path: clerkVariables[pathText(path)] ?? pathText(path),
    })),
  }
}

/** Clerk's own tools give the origin and add the version themselves. */
function withVersion(url: string): string {
  if (!URL.canParse(url)) return url
  const parsed = new URL(url)
  if (parsed.pathname !== '/') return url
  parsed.pathname = '/v1'
  return parsed.href
}
