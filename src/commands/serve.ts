/** `tokengraph serve`: the server as a process, from its configuration to its last signal. */
import { loadConfig } from '../config.ts'
import { createLog } from '../log.ts'
import type { Log } from '../log.ts'
import { startServer } from '../main.ts'
import type { Running } from '../main.ts'

export interface ServeOptions {
  readonly file: string | undefined
  readonly port: number | undefined
  readonly env: NodeJS.ProcessEnv
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean }
}

/** Resolves when the server listens; rejects with a message for the operator when it cannot start. */
export async function serve({ file, port, env, out }: ServeOptions): Promise<void> {
  const configured = loadConfig({ file, env, overrides: { port } })
  const isDevelopment = configured.mode === 'development'
  const log = await createLog({
    level: configured.log.level,
    readable: isDevelopment && out.isTTY === true,
    // The audit has standard output to itself.
    fd: configured.audit.sink === 'stdout' ? 2 : 1,
  })
  endOnDefect(log)
  const development = isDevelopment ? await loadDevelopment(configured) : null
  const running = await startServer(development?.added.config ?? configured, {
    log,
    ...(development === null ? {} : { page: development.page }),
  })
  if (development !== null) out.write(development.welcome(running.url))
  log.info({ url: running.url, mode: configured.mode }, 'listening')
  stopOnSignals(running, configured.unready_seconds, log)
}

/** Loaded in development mode alone: production carries neither the page nor the demo. */
async function loadDevelopment(configured: Parameters<typeof startServer>[0]) {
  const [{ prepareDevelopment, DATA_FOLDER }, { demoQuery }, { createPage }, { welcome }] = await Promise.all([
    import('../development/development.ts'),
    import('../development/demo.ts'),
    import('../server/graphiql.ts'),
    import('../development/development.ts'),
  ])
  const added = prepareDevelopment(configured, DATA_FOLDER)
  return { added, page: createPage(demoQuery, added.key), welcome: (url: string) => welcome(added, url) }
}

/** Kept for requests that are on the wire when the port closes. */
const IDLE_MS = 500

/** The first signal drains and exits 0; a second one does not wait. Whoever presses Ctrl-C has no balancer to tell. */
function stopOnSignals(running: Running, unready_seconds: number, log: Log): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'stopping')
    const times = signal === 'SIGTERM' ? { notice_ms: unready_seconds * 1000, idle_ms: IDLE_MS } : {}
    void running.stop(times).then(() => process.exit(0))
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

/** Nobody knows what a defect left behind: the process ends, and whoever runs it starts another. */
function endOnDefect(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    // Node would print the message, and a foreign message may quote anything.
    log.fatal({ error, origin }, 'unexpected error; the process ends')
    process.exit(1)
  })
}
