/**
 * `node bench/audit.ts`: what the audit costs. The same reads of a vault with each sink, so that nothing else is slow:
 * over a platform the share is smaller. `BENCH_SECONDS` is the length of each load.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newServiceKey } from '../src/auth/service-keys.ts'
import { platforms } from '../src/upstreams/registry.ts'
import { accountRecord } from '../src/upstreams/vault/store/record.ts'
import { openStore } from '../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../src/upstreams/vault/store/write.ts'
import { ask, load, waitUntilReady } from './client.ts'
import type { Operation } from './client.ts'
import { startProcess } from './processes.ts'

const SECONDS = Number(process.env.BENCH_SECONDS ?? '4')
const PORT = 4710
const USERS = 20
const key = 'invented-audit-key-0123456789abcdef'

const sinks = {
  none: { sink: 'none' },
  'stdout, discarded': { sink: 'stdout', key },
  'file, fsync: false': { sink: 'file', key, fsync: false },
  'file, fsync: true': { sink: 'file', key, fsync: true },
}

const one: Operation = { query: '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }' }
const twenty: Operation = {
  query: 'query ($ids: [ID!]!) { users(ids: $ids) { oauth_access_tokens(provider: "google") { token } } }',
  variables: { ids: Array.from({ length: USERS }, (_, n) => `user_${String(n)}`) },
}

async function fill(vault: object): Promise<void> {
  const store = await openStore(platforms.vault.options.parse(vault))
  const accounts = Array.from({ length: USERS }, (_, n) =>
    accountRecord.parse({
      user_id: `user_${String(n)}`,
      provider: 'oauth_google',
      external_account_id: `eac_${String(n)}`,
      token: `invented-token-${String(n)}`,
    }),
  )
  await writeAccounts(store, accounts)
  await store.close()
}

async function measure(name: string, audit: object): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-bench-'))
  const vault = {
    path: join(folder, 'vault.sqlite'),
    keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
  }
  await fill(vault)
  const service = newServiceKey()
  const file = join(folder, 'tokengraph.yaml')
  const config = {
    listen: { host: '127.0.0.1' },
    log_level: 'warn',
    limits: { caller_rate: { burst: 1_000_000_000, per_second: 1_000_000 } },
    upstreams: { vault: { platform: 'vault', ...vault } },
    auth: { services: [{ id: 'bench', key_sha256: service.key_sha256, grants: [{ providers: ['*'] }] }] },
    audit: { path: join(folder, 'audit.ndjson'), ...audit },
  }
  writeFileSync(file, JSON.stringify(config))
  const server = await startProcess('node', ['src/cli.ts', 'serve', '--config', file, '--port', String(PORT)], /^/)
  const target = { url: `http://127.0.0.1:${String(PORT)}`, key: service.key }
  try {
    await waitUntilReady(target.url)
    for (const operation of [one, twenty]) await ask(target, operation)
    await load(target, one, 50, 1) // what is compiled later than this is the same for every sink
    const alone = await load(target, one, 1, SECONDS)
    const busy = await load(target, one, 50, SECONDS)
    const batch = await load(target, twenty, 50, SECONDS)
    const figures = [alone.requests.average, alone.latency.p50, busy.requests.average, busy.latency.p99]
    console.log(
      [
        name.padEnd(20),
        ...[...figures, batch.requests.average].map((figure) => String(Math.round(figure)).padStart(12)),
      ].join(' '),
    )
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

console.log(
  [
    'audit'.padEnd(20),
    ...['1 conn. r/s', 'p50 ms', '50 conn. r/s', 'p99 ms', '20 users r/s'].map((h) => h.padStart(12)),
  ].join(' '),
)
for (const [name, audit] of Object.entries(sinks)) await measure(name, audit)
