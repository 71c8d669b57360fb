/**
 * The proofs of the vault's refreshes for many rounds: `node scripts/refresh-proof.ts readers|crashes|years [ROUNDS]`. The
 * tests run the same code for a few (test/vault/refresh). Exit code 1: a promise of docs/promises.md R1 to R5 was broken.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { betterAuth } from 'better-auth'
import type { BetterAuthOptions } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { genericOAuth } from 'better-auth/plugins/generic-oauth'
import { readCatalogue } from '../src/upstreams/vault/providers/catalogue.ts'
import { accountRecord } from '../src/upstreams/vault/store/record.ts'
import { openStore } from '../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../src/upstreams/vault/store/write.ts'
import { startOidc } from '../test/servers/oidc.ts'
import type { Oidc } from '../test/servers/oidc.ts'
import { startPostgres } from '../test/servers/postgres.ts'
import { crash, crashes } from '../test/vault/refresh/crashes.ts'
import { startReader } from '../test/vault/refresh/processes.ts'
import { DAY_MS, HOUR_MS, openSimulation } from '../test/vault/refresh/simulation.ts'
import { parse, ring } from '../test/vault/store/stores.ts'

const [what = 'readers', given] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'tokengraph-proof-'))
const say = (line: string): boolean => process.stdout.write(`${line}\n`)
let broken = 0

/** R1: a thousand readers in four processes, and a server that ends a grant when a refresh token comes twice. */
async function readers(rounds: number): Promise<void> {
  const oidc = await startOidc()
  const postgres = await startPostgres()
  await postgres.createDatabase('proof')
  const shared = {
    ...{ keys: [ring], clients: { idp: oidc.client }, refresh: { proactive: false } },
    providers: { idp: { issuer: oidc.issuer, client_auth: ['basic'] } },
  }
  const stores = {
    SQLite: { path: join(folder, 'vault.sqlite'), ...shared },
    PostgreSQL: { database_url: postgres.url('proof'), spool_path: join(folder, 'spool'), ...shared },
  }
  for (const [name, options] of Object.entries(stores)) {
    const store = await openStore(parse(options))
    const account = {
      user_id: 'u1',
      provider: 'idp',
      external_account_id: 'a1',
      token: 'at',
      expires_at: 1_700_000_000,
    }
    await writeAccounts(store, [accountRecord.parse({ ...account, refresh_token: await oidc.mint('u1') })])
    const processes = await Promise.all(Array.from({ length: 4 }, () => startReader(options)))
    const before = oidc.posts
    let failed = 0
    for (let round = 0; round < rounds; round++) {
      const reports = await Promise.all(
        processes.map((each) => each.read({ provider: 'idp', userId: 'u1', readers: 250 })),
      )
      failed += reports.flatMap(({ problems }) => problems).length
      await store.sql.run(`UPDATE ${store.sql.dialect.table('accounts')} SET expires_at = 1700000000`)
    }
    const posts = oidc.posts - before
    if (posts !== rounds || failed > 0) broken += 1
    say(
      `${name}: ${String(rounds)} rounds of 1,000 readers: ${String(posts)} token requests, ${String(failed)} readers failed`,
    )
    await Promise.all(processes.map((each) => each.end()))
    await store.close()
  }
  await besideBetterAuth(oidc, rounds)
  await oidc.close()
  await postgres[Symbol.asyncDispose]()
}

/** The same server, and two readers of one expired account of better-auth, in one process. No promise of ours: printed. */
async function besideBetterAuth(oidc: Oidc, rounds: number): Promise<void> {
  const database = new DatabaseSync(join(folder, 'better-auth.sqlite'))
  const config = {
    ...{ providerId: 'idp', clientId: oidc.client.client_id, clientSecret: oidc.client.client_secret },
    ...{ discoveryUrl: `${oidc.issuer}/.well-known/openid-configuration`, authentication: 'basic' as const },
  }
  const options = {
    ...{ baseURL: 'http://127.0.0.1', secret: 'invented-better-auth-secret-of-enough-length', database },
    ...{ logger: { disabled: true }, telemetry: { enabled: false } },
    plugins: [genericOAuth({ config: [config] })],
  } satisfies BetterAuthOptions
  await (await getMigrations(options)).runMigrations()
  const { api } = betterAuth(options)
  const long = new Date(Date.now() - 3_600_000).toISOString()
  const expire = database.prepare('UPDATE account SET accessTokenExpiresAt = ? WHERE userId = ?')
  let dead = 0
  let failed = 0
  const before = oidc.posts
  for (let round = 0; round < rounds; round++) {
    const userId = `user_${String(round)}`
    database
      .prepare('INSERT INTO user (id, name, email, emailVerified, createdAt, updatedAt) VALUES (?, ?, ?, 1, ?, ?)')
      .run(userId, 'Invented', `${userId}@app.example`, long, long)
    database
      .prepare(
        `INSERT INTO account (id, accountId, providerId, userId, accessToken, refreshToken, accessTokenExpiresAt, createdAt,
          updatedAt) VALUES (?, ?, 'idp', ?, 'at', ?, ?, ?, ?)`,
      )
      .run(userId, userId, userId, await oidc.mint(userId), long, long, long)
    const read = () => api.getAccessToken({ body: { accountId: userId, userId } })
    const results = await Promise.allSettled([read(), read()])
    failed += results.filter(({ status }) => status === 'rejected').length
    expire.run(long, userId)
    const [after] = await Promise.allSettled([read()])
    if (after.status === 'rejected') dead += 1
  }
  database.close()
  say(
    `better-auth, SQLite: ${String(rounds)} rounds of 2 readers: ${String(oidc.posts - before)} token requests with the one after, ` +
      `${String(failed)} readers failed, ${String(dead)} grants dead`,
  )
}

/** R2: kill -9 at six points of a refresh, at providers of five kinds. */
async function killed(rounds: number): Promise<void> {
  const deaths = new Map<string, number>()
  const queue = Array.from({ length: rounds }, (_, round) => crashes.map((each) => ({ ...each, round }))).flat()
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { kind, point, mayDie, round } = next
      const path = join(folder, `${kind}-${point}-${String(round)}`, 'vault.sqlite')
      const { alive } = await crash(next, { path })
      const name = `${kind}, ${point}`
      if (!alive) deaths.set(name, (deaths.get(name) ?? 0) + 1)
      if (!alive && !mayDie) broken += 1
    }
  }
  await Promise.all(Array.from({ length: 4 }, work))
  for (const { kind, point, mayDie } of crashes)
    say(
      `${kind}, ${point}: ${String(deaths.get(`${kind}, ${point}`) ?? 0)} of ${String(rounds)} died; the model allows ${mayDie ? 'it' : 'none'}`,
    )
}

/** A year of each entry of the catalogue, used at random. */
async function years(seed: number): Promise<void> {
  for (const provider of readCatalogue().values()) {
    if (provider.refresh.uses === 'nothing') continue
    const simulation = await openSimulation(join(folder, `${provider.id}.sqlite`), provider, { idle_days: 1 })
    const grant = await simulation.connectOne('used')
    const random = createRandom(seed)
    const start = simulation.now()
    const days = Math.min(365, (provider.refresh.absolute_seconds ?? Infinity) / 86_400 - 1)
    const problems: (string | null)[] = []
    for (let day = 0; day < days; day += 1 + Math.floor(random() * 12))
      for (let hour = 0; hour < 30; hour += 1 + random() * 3) {
        await simulation.runUntil(start + day * DAY_MS + hour * HOUR_MS)
        problems.push(await simulation.read('used'))
      }
    const failed = problems.filter((problem) => problem !== null).length
    if (failed > 0 || !grant.alive || grant.mistakes.length > 0) broken += 1
    say(
      `${provider.id}: ${String(Math.floor(days))} days, ${String(problems.length)} reads, ${String(grant.posts.length)} requests, ` +
        `${String(failed)} failed${grant.mistakes.length > 0 ? `, mistakes: ${[...new Set(grant.mistakes)].join(', ')}` : ''}`,
    )
    await simulation.close()
  }
}

function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

const proofs = {
  readers: () => readers(Number(given ?? 100)),
  crashes: () => killed(Number(given ?? 5)),
  years: () => years(Number(given ?? 7)),
}
try {
  if (!Object.hasOwn(proofs, what)) throw new Error('expected readers, crashes or years')
  await proofs[what as keyof typeof proofs]()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = broken === 0 ? 0 : 1
