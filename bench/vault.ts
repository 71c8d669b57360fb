/**
 * `node bench/vault.ts [ROWS]`: on both stores with a million rows, what a read of a key costs beside one among a thousand rows,
 * and what refreshing costs: claims, refreshes in a second, reads beside refreshes that hang, and a page of a hundred users
 * of whom twenty are over.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLeases } from '../src/upstreams/vault/refresh/leases.ts'
import { openVault } from '../src/upstreams/vault/open.ts'
import { createReader } from '../src/upstreams/vault/store/read.ts'
import { openStore } from '../src/upstreams/vault/store/store.ts'
import type { Store } from '../src/upstreams/vault/store/store.ts'
import { startPostgres } from '../test/servers/postgres.ts'
import { startTokenServer } from '../test/servers/token-server.ts'
import { configured, connect } from '../test/vault/refresh/scene.ts'
import { parse } from '../test/vault/store/stores.ts'

const ROWS = Number(process.argv[2] ?? 1_000_000)
const FEW_ROWS = 1000
const KEYS = 100
const KEY_READS = 500
const CLAIM = 50
const CLAIMS = 200
const REFRESHED = 400
const SLOW_MS = 300
const LEASE_MS = 20_000
/** Milliseconds that filling may take. */
const FILL_MS = 600_000
const over = 1_700_000_000
const alive = 2_000_000_000

const postgres = await startPostgres()
const folder = mkdtempSync(join(tmpdir(), 'tokengraph-bench-'))
const say = (line: string): boolean => process.stdout.write(`${line}\n`)
const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN
const spread = (values: readonly number[]): string =>
  `p50 ${percentile(values, 0.5).toFixed(2)}, p99 ${percentile(values, 0.99).toFixed(2)} ms`

async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const began = performance.now()
  const value = await work()
  return { ms: performance.now() - began, value }
}

/** Rows of a provider of their own, due for the claims and never for anything else; nothing in them opens. */
async function fill({ sql }: Store, from: number, to: number): Promise<void> {
  const { dialect } = sql
  const numbers =
    dialect.name === 'sqlite'
      ? `WITH RECURSIVE numbers(n) AS (SELECT ${String(from)} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${String(to)})`
      : `WITH numbers AS (SELECT n FROM generate_series(${String(from)}, ${String(to)}) AS n)`
  const blob = dialect.name === 'sqlite' ? `zeroblob(400)` : `decode(repeat('00', 400), 'hex')`
  // One in fifty is due now.
  const due = `CASE WHEN n % 50 = 0 THEN n ELSE 99999999999999 END`
  const text = (prefix: string): string => `'${prefix}' || CAST(n AS TEXT)`
  const insert = `${numbers} INSERT INTO ${dialect.table('accounts')} (row_id, user_id, provider, external_account_id,
       provider_user_id, public_metadata, key_id, wrapped_key, token, refresh_token, expires_at, refresh_due_ms, created_at,
       updated_at)
     SELECT ${text('row_')}, ${text('filler_')}, 'oauth_filler', 'a1', '', '{}', 'k1', ${blob}, ${blob}, ${blob},
       ${String(over)}, ${due}, 1, 1 FROM numbers`
  // The store's own statements have a time limit, which this one needs not keep.
  if (dialect.name === 'sqlite') await sql.run(insert)
  else await postgres.run('bench', insert)
}

/** Reads of so many keys that are spread over the first `rows` rows: each finds one, and none is remembered. */
async function readKeys({ sql }: Store, rows: number): Promise<string> {
  const call = { signal: new AbortController().signal, deadline: () => Infinity, viewer: null }
  const times: number[] = []
  for (let n = 0; n < KEY_READS; n++) {
    const keys = Array.from({ length: KEYS }, () => ({
      userId: `filler_${String(1 + Math.floor(Math.random() * rows))}`,
      ...{ provider: 'filler', credential: null, minValiditySeconds: 30 },
    }))
    // A reader remembers rows.
    const reader = createReader(sql, () => undefined)
    const { ms, value } = await timed(() => reader.grants(keys, call))
    if (value.rows.some((found) => found.length !== 1)) throw new Error('a key has no row')
    times.push((ms * 1000) / KEYS)
  }
  const [half, most] = [percentile(times, 0.5), percentile(times, 0.99)]
  return `p50 ${half.toFixed(1)}, p99 ${most.toFixed(1)} µs`
}

async function measure(name: string, where: Readonly<Record<string, unknown>>): Promise<void> {
  const server = await startTokenServer({ graceSeconds: 3600 })
  const options = { ...where, ...configured(server) }
  const store = await openStore(parse(options), FILL_MS)
  await fill(store, 1, FEW_ROWS)
  const ofFew = await readKeys(store, FEW_ROWS)
  const filling = await timed(() => fill(store, FEW_ROWS + 1, ROWS))
  say(`${name}: ${String(ROWS)} rows in ${(filling.ms / 1000).toFixed(0)} s`)
  say(
    `  a key, ${String(KEYS)} in a read: of ${String(FEW_ROWS)} rows ${ofFew}; of all of them ${await readKeys(store, ROWS)}`,
  )

  const leases = createLeases(store.sql, store.keyring)
  const claims: number[] = []
  for (let n = 0; n < Math.min(CLAIMS, ROWS / 50 / CLAIM); n++) {
    const { ms, value } = await timed(() => leases.claimDue('oauth_filler', '', CLAIM, randomUUID(), LEASE_MS))
    if (value.length !== CLAIM) throw new Error(`claimed ${String(value.length)} rows`)
    claims.push(ms)
  }
  say(`  a claim of ${String(CLAIM)} due rows: ${spread(claims)} of ${String(claims.length)}`)

  for (let n = 0; n < REFRESHED; n++) await connect(store, server, `u${String(n)}`)
  const vault = await openVault(parse(options), { observe: () => undefined })
  const call = { signal: new AbortController().signal, deadline: () => Infinity, viewer: null }
  const read = async (users: readonly string[]) => {
    const keys = users.map((userId) => ({ userId, provider: 'acme', credential: null, minValiditySeconds: 30 }))
    const answers = await vault.tokens.read(keys, call)
    const failed = answers.filter((rows) => rows instanceof Error || rows[0]?.problem !== null).length
    if (failed > 0) throw new Error(`${String(failed)} of ${String(users.length)} reads failed`)
  }
  const users = Array.from({ length: REFRESHED }, (_, n) => `u${String(n)}`)
  const refreshing = await timed(() => read(users))
  say(
    `  refreshes: ${((REFRESHED * 1000) / refreshing.ms).toFixed(0)} in a second (${String(server.posts)} posts for ${String(REFRESHED)} accounts)`,
  )

  const table = store.sql.dialect.table('accounts')
  const expire = (count: number) =>
    store.sql.run(
      `UPDATE ${table} SET expires_at = CASE WHEN CAST(substr(user_id, 2) AS INTEGER) < ${String(count)} THEN ${String(over)} ELSE ${String(alive)} END WHERE provider = 'oauth_acme'`,
    )
  await expire(20)
  server.behave(() => ({ delayMs: SLOW_MS }))
  const before = server.posts
  const page = await timed(() => read(users.slice(0, 100)))
  say(
    `  a page of 100 users, 20 of them over, at a provider that takes ${String(SLOW_MS)} ms: ${page.ms.toFixed(0)} ms, ` +
      `${String(server.posts - before)} posts`,
  )

  await expire(20)
  server.behave(() => ({ delayMs: 3000 }))
  const hanging = Promise.all(users.slice(0, 20).map((user) => read([user])))
  const reads: number[] = []
  for (let n = 0; n < 500; n++) reads.push((await timed(() => read([users[50 + (n % 300)] ?? '']))).ms)
  say(`  a read of a live row beside 20 refreshes that take 3 s: ${spread(reads)} of ${String(reads.length)}`)
  await hanging
  await vault.finish()
  await vault.close()
  await store.close()
  await server.stop()
}

try {
  await postgres.createDatabase('bench')
  await measure('SQLite', { path: join(folder, 'vault.sqlite') })
  await measure('PostgreSQL', { database_url: postgres.url('bench'), spool_path: join(folder, 'spool') })
} finally {
  await postgres[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
}
