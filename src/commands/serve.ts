/** `tokengraph serve`: the server as a process, from its configuration to its last signal. */
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/load.ts'
import { createLog } from '../log.ts'
import type { Log } from '../log.ts'
import { startServer } from '../main.ts'
import type { Running } from '../main.ts'
import type { Output } from './terminal.ts'

export interface ServeOptions {
  /** `--config`; null where it is not given. */
  readonly file: string | null
  /** `--port`; null where it is not given. */
  readonly port: number | null
  readonly env: NodeJS.ProcessEnv
}

/** Resolves when the server listens; rejects with a message for the operator when it cannot start. */
export async function serve({ file, port, env }: ServeOptions, { out }: Output): Promise<void> {
  const configured = loadConfig({ file, env, port })
  const isDevelopment = configured.mode === 'development'
  const log = await createLog({
    level: configured.log.level,
    readable: isDevelopment && out.isTTY === true,
    // With `audit.sink: stdout`, only the audit writes to standard output.
    fd: configured.audit.sink === 'stdout' ? 2 : 1,
  })
  exitOnDefect(log)
  const development = isDevelopment ? await loadDevelopment(configured) : null
  const running = await startServer(development?.added.config ?? configured, { log, page: development?.page ?? null })
  if (development !== null) out.write(development.welcome(running.url))
  log.info({ url: running.url, mode: configured.mode }, 'listening')
  stopOnSignals(running, configured.unready_seconds, log)
}

/** Imports the page and the demo in development mode only; production does not load them. */
async function loadDevelopment(configured: Config) {
  const [{ DATA_FOLDER, prepareDevelopment, welcome }, { demoQuery }, { createPage }] = await Promise.all([
    import('../development/development.ts'),
    import('../development/demo.ts'),
    import('../server/graphiql.ts'),
  ])
  const added = prepareDevelopment(configured, DATA_FOLDER)
  return { added, page: createPage(demoQuery, added.key), welcome: (url: string) => welcome(added, url) }
}

/** Milliseconds that idle connections stay open, for requests that are on the wire when the port closes. */
const IDLE_MS = 500

/**
 * The first signal drains and exits with 0; a second one exits at once. Only SIGTERM waits `unreadySeconds` for load
 * balancers to look away: Ctrl-C has none.
 */
function stopOnSignals(running: Running, unreadySeconds: number, log: Log): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'stopping')
    const times = signal === 'SIGTERM' ? { noticeMs: unreadySeconds * 1000, idleMs: IDLE_MS } : {}
    void running.stop(times).then(() => process.exit(0))
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

/** Exits on an uncaught error: the state after a defect is unknown, and a supervisor starts the process again. */
function exitOnDefect(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    // Node would print the message of the error, which may quote anything.
    log.fatal({ error, origin }, 'unexpected error; the process ends')
    process.exit(1)
  })
}
