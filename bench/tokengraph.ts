/** tokengraph under test: its configuration, the platform or vault behind it, and the credentials of its callers. */
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, SignJWT } from 'jose'
import { hashServiceKey, newServiceKey } from '../src/auth/service-keys.ts'
import { platforms } from '../src/upstreams/registry.ts'
import { accountRecord } from '../src/upstreams/vault/store/record.ts'
import { openStore } from '../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../src/upstreams/vault/store/write.ts'
import { one, PROVIDERS, readRows, userIds } from './graph.ts'
import { freePort } from '../test/kit/free-port.ts'
import { startServer } from './processes.ts'
import type { Server } from './processes.ts'

export interface Setting {
  /** Where the tokens come from: Clerk through the cache, all hits, or a vault. */
  readonly store: 'cache' | 'sqlite' | 'postgresql'
  /** Audit to a file, proof of the gateway, metrics and the default limits; without it the audit has no sink. */
  readonly door: boolean
  readonly fsync: boolean | 'interval'
  readonly caller: 'service' | 'user'
  /** Whether an operation may ask for more keys than the defaults allow. */
  readonly isUnlimited?: boolean
}

/** What the servers under test call; one for a whole run. */
export interface Outside extends AsyncDisposable {
  /** As `http://127.0.0.1:4700`. */
  readonly url: string
  /** A JWT of the user whom `one` asks for. */
  readonly userToken: string
  /** The URL of the filled database; null: PostgreSQL is not measured. */
  readonly databaseUrl: string | null
  /** Where servers keep their files; it goes away when this process ends. */
  readonly folder: string
}

const ISSUER = 'https://issuer.example'
const AUDIENCE = 'bench'
const gatewaySecret = 'invented-gateway-secret-0123456789abcdef'
const ring = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
const endless = { burst: 1_000_000_000, per_second: 1_000_000 }
const most = 1_000_000

/** A platform like Clerk and the key set of an issuer, in this process, which idles while a server is loaded. */
export async function startOutside(databaseUrl: string | null): Promise<Outside> {
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-bench-'))
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true })
  })
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' }] }
  const server = createServer((request, response) => {
    const [, , , user = '', , provider = ''] = (request.url ?? '').replace(/\?.*/, '').split('/')
    const data = readRows(user, provider).map(({ token_secret: _, ...row }) => row)
    const body = request.url === '/jwks' ? keys : { data, total_count: data.length }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const userToken = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: 'bench' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(String(one.variables.id))
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    userToken,
    databaseUrl,
    folder,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Writes the rows of so many users into a vault. */
export async function fillVault(place: object, users: number): Promise<void> {
  const store = await openStore(platforms.vault.options.parse({ ...place, keys: ring }))
  const rows = userIds(users).flatMap((user_id) =>
    PROVIDERS.flatMap((provider) => readRows(user_id, provider)).map((row) => ({ ...row, user_id })),
  )
  await writeAccounts(
    store,
    rows.map((row) => accountRecord.parse(row)),
  )
  await store.close()
}

async function configure(setting: Setting, outside: Outside, folder: string, key_sha256: string): Promise<object> {
  const { store, door, fsync, isUnlimited = false } = setting
  const place =
    store === 'sqlite'
      ? { path: join(folder, 'vault.sqlite') }
      : { database_url: outside.databaseUrl, spool_path: join(folder, 'spool') }
  const clerk = {
    platform: 'clerk',
    secret_key: 'sk_live_invented',
    base_url: `${outside.url}/v1`,
    rate: { requests: 1_000_000, per_seconds: 1 },
  }
  if (store === 'sqlite') await fillVault(place, 100)
  const unlimited = { depth: most, fields: most, aliases: most, directives: most, root_fields: most }
  const manyKeys = { ...unlimited, token_reads: most, objects: most, tokens: 5000, body_bytes: 1_048_576 }
  return {
    mode: 'production',
    listen: { host: '127.0.0.1' },
    log_level: 'warn',
    cache: { seconds: 300, entries: 50_000 },
    upstreams: store === 'cache' ? { clerk } : { vault: { platform: 'vault', ...place, keys: ring } },
    auth: {
      services: [{ id: 'bench', key_sha256, grants: [{ providers: ['*'], fields: ['*'] }] }],
      issuers: [{ issuer: ISSUER, audience: AUDIENCE, jwks_url: `${outside.url}/jwks`, algorithms: ['ES256'] }],
    },
    limits: { caller_rate: endless, ...(door ? {} : unlimited), ...(isUnlimited ? manyKeys : {}) },
    ...(door
      ? {
          audit: {
            sink: 'file',
            path: join(folder, 'audit.ndjson'),
            key: 'invented-audit-key-0123456789abcdef',
            fsync,
          },
          gateway: { shared_secret: { header: 'x-gateway-secret', secrets_sha256: [hashServiceKey(gatewaySecret)] } },
          metrics: { port: await freePort() },
        }
      : { audit: { sink: 'none' } }),
  }
}

/** The ways to run it. */
export const runsFrom = {
  'npm start': ['npm', 'start', '--'],
  'node dist/cli.js serve': ['node', 'dist/cli.js', 'serve'],
} as const

/** As the container runs it (`Containerfile`). */
const contained = [
  'node',
  '--disable-proto=throw',
  '--disable-sigusr1',
  '--max-semi-space-size=24',
  'dist/cli.js',
  'serve',
]

/** Starts it in a folder of its own. */
export async function startTokengraph(
  setting: Setting,
  outside: Outside,
  run: readonly string[] = contained,
): Promise<Server> {
  const folder = mkdtempSync(join(outside.folder, 'server-'))
  const { key, key_sha256 } = newServiceKey()
  const file = join(folder, 'tokengraph.yaml')
  writeFileSync(file, JSON.stringify(await configure(setting, outside, folder, key_sha256)))
  const port = await freePort()
  const credential = setting.caller === 'user' ? outside.userToken : key
  const headers = { authorization: `Bearer ${credential}`, 'x-gateway-secret': gatewaySecret }
  return startServer([...run, '--config', file, '--port', String(port)], { port, headers }, one)
}
