/** `tokengraph serve`: the server as a process, from its configuration to its last signal. */
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/load.ts'
import { settlesWithin } from '../lib/time.ts'
import { createLog } from '../log.ts'
import type { Log, ProcessLog } from '../log.ts'
import { startServer } from '../main.ts'
import type { Running } from '../main.ts'
import { VERSION } from '../version.ts'
import { makeObjectsYoung } from './heap.ts'
import { needing } from './terminal.ts'
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
  makeObjectsYoung()
  const load = (): Config => loadConfig({ file, env, port })
  const configured = load()
  const isDevelopment = configured.mode === 'development'
  const log = await createLog({
    level: configured.log.level,
    readable: isDevelopment && out.isTTY === true,
    // With `audit.sink: stdout`, only the audit writes to standard output.
    fd: configured.audit.sink === 'stdout' ? 2 : 1,
  })
  exitOnDefect(log)
  if (!isDevelopment) refuseDebugger(log)
  const development = isDevelopment ? await needing(loadDevelopment(configured)) : null
  const running = await needing(
    startServer(development?.added.config ?? configured, { log, page: development?.page ?? null }),
  )
  if (development !== null) out.write(development.welcome(running.url))
  stopOnSignals(running, configured.unready_seconds, log)
  if (isDevelopment) process.on('SIGHUP', () => process.kill(process.pid, 'SIGTERM'))
  else reloadOnSignal(running, load, log)
  // Last: who reads it may send a signal.
  log.info({ url: running.url, mode: configured.mode, version: VERSION }, 'listening')
}

/** Imports the page and the demo in development mode only; production does not load them. */
async function loadDevelopment(configured: Config) {
  const [{ DATA_FOLDER, prepareDevelopment, welcome }, { demoTabs }, { createPage }] = await Promise.all([
    import('../development/development.ts'),
    import('../development/demo.ts'),
    import('../server/graphiql.ts'),
  ])
  const added = await prepareDevelopment(configured, DATA_FOLDER)
  return { added, page: createPage(demoTabs(added.returnTo), added.key), welcome: (url: string) => welcome(added, url) }
}

/** Milliseconds that idle connections stay open, for requests that are on the wire when the port closes. */
const IDLE_MS = 500

/** Milliseconds that the last lines of the log may take. */
const LOG_MS = 1000

/**
 * The first signal drains and exits with 0; a second one exits at once. Ctrl-C (SIGINT) does not wait `unreadySeconds`
 * for load balancers to look away. In development mode SIGHUP, which a terminal sends that is closed, is as SIGTERM. Node
 * ignores SIGPIPE.
 */
function stopOnSignals(running: Running, unreadySeconds: number, log: ProcessLog): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'stopping')
    const times = signal === 'SIGINT' ? {} : { noticeMs: unreadySeconds * 1000, idleMs: IDLE_MS }
    void running.stop(times).then(() => endProcess(log))
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal)
}

/** SIGHUP: all of the configuration that can change without a restart, or nothing of it. */
function reloadOnSignal(running: Running, load: () => Config, log: Log): void {
  process.on('SIGHUP', () => {
    try {
      const changed = running.reload(load())
      log.info({ changed }, 'configuration reloaded')
    } catch (error) {
      // The words of `check-config`: keys and lines, never a value.
      const reason = error instanceof Error ? error.message : 'unknown'
      log.error({ reason }, 'configuration not reloaded; what was loaded before stays')
    }
  })
}

async function endProcess(log: ProcessLog): Promise<void> {
  // Exiting writes what is left of the log, and would wait for ever for a reader that has stopped.
  if (!(await settlesWithin(log.drained(), LOG_MS))) process.kill(process.pid, 'SIGKILL')
  process.exit(0)
}

/** By default SIGUSR1 opens a debugger on loopback, from which every local user could read the keys. */
function refuseDebugger(log: Log): void {
  process.on('SIGUSR1', (signal) => {
    log.warn({ signal }, 'no debugger is opened in production')
  })
}

/** Exits on an uncaught error: the state after a defect is unknown, and a supervisor starts the process again. */
function exitOnDefect(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    // Node would print the message of the error, which may quote anything.
    log.fatal({ error, origin }, 'unexpected error; the process ends')
    process.exit(1)
  })
}
