/** The variables that the server itself reads, and the configuration that they make when there is no file. */
import type { z } from 'zod'
import { convert, parsePart } from './parse.ts'
import type { Problem } from './problems.ts'
import { hostOption, logLevelOption, portOption } from './schema.ts'
import { environmentSource } from './source.ts'
import type { Source } from './source.ts'

/** What the environment says about values that the file may leave open; null: nothing. */
export interface Variables {
  readonly host: string | null
  readonly port: number | null
  readonly log_level: z.output<typeof logLevelOption> | null
  readonly problems: readonly Problem[]
}

/** An empty variable counts as not set. */
export function readVariables(env: NodeJS.ProcessEnv): Variables {
  const problems: Problem[] = []
  const read = <T>(name: string, schema: z.ZodType<T>): T | null => {
    const text = variable(env, name)
    if (text === null) return null
    const parsed = parsePart(schema, environmentSource(convert(text, schema) ?? text, { '': name }))
    problems.push(...parsed.problems)
    return parsed.value
  }
  return {
    host: read('TOKENGRAPH_HOST', hostOption),
    port: read('PORT', portOption),
    log_level: read('LOG_LEVEL', logLevelOption),
    problems,
  }
}

/** The value of a variable; null where it is not set or empty. */
export function variable(env: NodeJS.ProcessEnv, name: string): string | null {
  const value = env[name]
  return value === undefined || value === '' ? null : value
}

export interface Fileless {
  readonly kind: 'environment' | 'development default'
  readonly source: Source
}

/** Without a file: Clerk serves every provider when its key is there; otherwise there is no upstream yet. */
export function filelessSource(env: NodeJS.ProcessEnv): Fileless {
  const secret_key = variable(env, 'CLERK_SECRET_KEY')
  if (secret_key === null)
    return { kind: 'development default', source: environmentSource({ mode: 'development' }, {}) }
  const api = variable(env, 'CLERK_API_URL')
  const base_url = api === null ? {} : { base_url: withVersion(api) }
  const value = { mode: 'development', upstreams: { clerk: { platform: 'clerk', secret_key, ...base_url } } }
  const names = { 'upstreams.clerk.secret_key': 'CLERK_SECRET_KEY', 'upstreams.clerk.base_url': 'CLERK_API_URL' }
  return { kind: 'environment', source: environmentSource(value, names) }
}

/** Clerk's own tools give the origin and add the version themselves. */
function withVersion(url: string): string {
  if (!URL.canParse(url)) return url
  const parsed = new URL(url)
  if (parsed.pathname !== '/') return url
  parsed.pathname = '/v1'
  return parsed.href
}
