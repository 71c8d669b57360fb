/**
 * The library: the graph inside of another server, with the same door, limits and audit as `tokengraph serve`
 * (docs/embedding.md). What is exported here, and from `tokengraph/kit`, is what semantic versioning holds for.
 */
import type { RequestListener } from 'node:http'
import { readEnvironment, loadConfig } from './config/load.ts'
import { toRequestListener } from './http/incoming.ts'
import { createLog } from './log.ts'
import type { Log } from './log.ts'
import { openServer } from './main.ts'
import { createOwnServer } from './server/own-server.ts'
import type { OwnServer } from './server/own-server.ts'
import type { Platform } from './upstreams/platform.ts'
import { platforms } from './upstreams/registry.ts'

export { ConfigError } from './config/problems.ts'
export { definePlatform } from './upstreams/kit.ts'
export type { Log } from './log.ts'
export type { OwnContext, OwnServer, OwnViewer } from './server/own-server.ts'
export type { OpenPlatform, Platform, UpstreamDeps } from './upstreams/platform.ts'

export interface TokengraphOptions {
  /** The path of a YAML file, or what it would say as an object. */
  readonly config: string | object
  /** Platforms of one's own by the names that the configuration has for them, beside those of this package. */
  readonly platforms?: Readonly<Record<string, Platform>>
  /** Where the log goes; standard output, or standard error beside an audit on standard output, when left out. */
  readonly log?: Log
  /** Variables for `${NAME}` in the file; those of the process when left out. */
  readonly env?: NodeJS.ProcessEnv
}

/** A server without a socket; and, as `OwnServer`, its types for a GraphQL server of one's own. */
export interface Tokengraph extends OwnServer {
  /** For `node:http`, Express or Fastify: answers `/graphql`, `/health` and `/ready`, and 404 elsewhere. */
  readonly node: RequestListener
  /** For servers of the Fetch API, such as Hono or a route of Next.js. */
  readonly fetch: (request: Request) => Promise<Response>
  /** From now on `/ready` answers 503; call it before the server drains. */
  setUnready(): void
  /** Closes upstreams and audit in order. Call it when no request is in flight; takes `withinMs` milliseconds at most. */
  close(withinMs?: number): Promise<void>
}

/**
 * Opens what the configuration names. Rejects with `ConfigError`, which lists every mistake, and with `Error` with a message
 * for the operator, such as for a vault that cannot be opened. The caller listens, drains and handles signals.
 */
export async function createTokengraph({
  config: given,
  platforms: more = {},
  log: ownLog,
  env = readEnvironment(),
}: TokengraphOptions): Promise<Tokengraph> {
  const told = typeof given === 'string' ? { file: given, env } : { value: given, env }
  // A copy would load every platform.
  const config = loadConfig(told, Object.keys(more).length === 0 ? platforms : { ...platforms, ...more })
  // With `audit.sink: stdout`, only the audit writes to standard output.
  const fd = config.audit.sink === 'stdout' ? 2 : 1
  const log = ownLog ?? (await createLog({ level: config.log.level, readable: false, fd }))
  const { app, audit, source, setUnready, close } = await openServer(config, { log })
  const own = createOwnServer(config, { log, audit, source })
  return {
    node: toRequestListener(app.handle),
    fetch: app.fetch,
    get schema() {
      return own.schema
    },
    contextFor: own.contextFor,
    plugin: own.plugin,
    setUnready,
    close,
  }
}
