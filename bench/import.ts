/**
 * `node bench/import.ts [RECORDS]`: `tokengraph vault import` of a file and of a pipe into SQLite, and of a file into
 * PostgreSQL, as processes. Prints the seconds, the records per second and the peak of the resident memory
 * (docs/operating.md, "Sizing").
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { startPostgres } from '../test/servers/postgres.ts'
import { root } from './processes.ts'

const RECORDS = Number(process.argv[2] ?? 100_000)
const MEBIBYTE = 1024 * 1024

function* lines(): Generator<string> {
  for (let n = 0; n < RECORDS; n++) {
    const record = {
      user_id: `user_${String(n)}`,
      provider: 'oauth_google',
      external_account_id: `eac_${String(n)}`,
      token: `ya29.${'x'.repeat(200)}${String(n)}`,
      refresh_token: `1//${'y'.repeat(100)}${String(n)}`,
      expires_at: 1_893_456_000,
      scopes: ['email', 'profile'],
    }
    yield `${JSON.stringify(record)}\n`
  }
}

interface Import {
  readonly name: string
  readonly isPipe: boolean
  /** Where the vault is. */
  readonly place: Readonly<Record<string, string>>
}

/** The peak is what Linux says of the process when it ends. */
async function importFrom({ name, isPipe, place }: Import): Promise<void> {
  const config = join(folder, 'tokengraph.yaml')
  const keys = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
  const services = [{ id: 'bench', key_sha256: 'ab'.repeat(32) }]
  writeFileSync(
    config,
    JSON.stringify({ upstreams: { vault: { platform: 'vault', ...place, keys } }, auth: { services } }),
  )
  const report = join(folder, 'report.mjs')
  // Not `maxRSS`, which counts what the process was forked from.
  writeFileSync(
    report,
    "import { readFileSync } from 'node:fs'\nprocess.once('exit', () => console.log(readFileSync('/proc/self/status', 'utf8')))\n",
  )
  const began = performance.now()
  const child = spawn(
    process.execPath,
    ['--import', report, 'src/cli.ts', 'vault', 'import', isPipe ? '-' : path, '--config', config],
    { cwd: root, stdio: [isPipe ? 'pipe' : 'ignore', 'pipe', 'inherit'] },
  )
  let printed = ''
  child.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  if (child.stdin !== null) await pipeline(createReadStream(path), child.stdin)
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`the import exited with ${String(code)}`)
  const seconds = (performance.now() - began) / 1000
  const peak = Number(/^VmHWM:\s*(\d+) kB$/m.exec(printed)?.[1]) / 1024
  console.log(
    `${name}: ${RECORDS.toLocaleString('en')} records (${String(Math.round(statSync(path).size / MEBIBYTE))} MiB), ` +
      `${seconds.toFixed(1)} s, ${String(Math.round(RECORDS / seconds))}/s, peak ${String(Math.round(peak))} MiB`,
  )
}

const folder = mkdtempSync(join(tmpdir(), 'tokengraph-import-'))
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true })
})
const path = join(folder, 'accounts.ndjson')
await pipeline(Readable.from(lines()), createWriteStream(path))
await importFrom({ name: 'file, SQLite', isPipe: false, place: { path: join(folder, 'file.sqlite') } })
await importFrom({ name: 'pipe, SQLite', isPipe: true, place: { path: join(folder, 'pipe.sqlite') } })
await using postgres = await startPostgres()
await postgres.createDatabase('bench')
await importFrom({ name: 'file, PostgreSQL', isPipe: false, place: { database_url: postgres.url('bench') } })
