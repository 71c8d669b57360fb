/**
 * Development mode: adds to a configuration what a fresh clone needs to answer its first query. That is a service key
 * with every right and, where no upstream is configured, a vault with a demo user and a demo provider that refreshes one of
 * its accounts. Everything is stored in one folder.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashServiceKey, newServiceKey } from '../auth/service-keys.ts'
import type { Config } from '../config/load.ts'
import { GRAPHQL_PATH } from '../http/policy.ts'
import type { UpstreamDeps } from '../upstreams/platform.ts'
import { vault as vaultPlatform } from '../upstreams/vault/index.ts'
import { vaultOptions } from '../upstreams/vault/options.ts'
import type { VaultOptions } from '../upstreams/vault/options.ts'
import { iterateAccounts } from '../upstreams/vault/store/manage.ts'
import { openStore } from '../upstreams/vault/store/store.ts'
import { writeAccounts } from '../upstreams/vault/store/write.ts'
import { demoProviderOptions, startDemoProvider } from './demo-provider.ts'
import { DEMO_USER, demoAccounts } from './demo.ts'

/** Relative to the working directory. */
export const DATA_FOLDER = './data'

const DEVELOPMENT_SERVICE = 'development'
const VAULT = 'vault'

export interface DevelopmentOptions {
  /** Further addresses that a connection may come back to. */
  readonly returnTo?: readonly string[]
  /** Seconds that tokens of the demo provider live. */
  readonly accessSeconds?: number
}

export interface Development {
  /** The configuration with the additions. */
  readonly config: Config
  /** The key of the development service, which may read everything. */
  readonly key: string
  readonly keyFile: string
  /** The vault that was added; null where upstreams are configured. */
  readonly vault: { readonly path: string; readonly created: boolean; readonly holdsDemo: boolean } | null
  /** Where a connection of the demo comes back to; null: none can begin. */
  readonly returnTo: string | null
}

/** Creates `folder` with the mode 0700, and keeps what is already in it. */
export async function prepareDevelopment(
  config: Config,
  folder: string,
  { returnTo = [], accessSeconds }: DevelopmentOptions = {},
): Promise<Development> {
  makeDataFolder(folder)
  const keyFile = join(folder, 'dev.key')
  const key = readOrCreate(keyFile, () => newServiceKey().key)
  const service = {
    id: DEVELOPMENT_SERVICE,
    key_sha256: hashServiceKey(key),
    grants: [{ providers: ['*'], fields: ['*' as const], users: ['*'], connect: true }],
    schema: true,
  }
  const withKey = { ...config, auth: { ...config.auth, services: [...config.auth.services, service] } }
  if (config.upstreams.length > 0) return { config: withKey, key, keyFile, vault: null, returnTo: null }

  const { port } = config.listen
  const publicUrl = `http://127.0.0.1:${String(port)}`
  // Browsers have to find the way back: with any free port they cannot.
  const page = port === 0 ? null : `${publicUrl}${GRAPHQL_PATH}`
  const connect = page === null ? {} : { connect: { public_url: publicUrl, return_to: [page, ...returnTo] } }
  const provider = await startDemoProvider(accessSeconds === undefined ? {} : { accessSeconds })
  const options = developmentVault(folder, { ...demoProviderOptions(provider), ...connect })
  const { path } = options
  const created = !existsSync(path)
  const holdsDemo = await openDemo(options, created)
  const upstreams = [
    { name: VAULT, platform: 'vault', options, open: (deps: UpstreamDeps) => vaultPlatform.open(options, deps) },
  ]
  return {
    config: { ...withKey, upstreams, providers: { routes: {}, default: VAULT } },
    key,
    keyFile,
    vault: { path, created, holdsDemo },
    returnTo: page,
  }
}

/**
 * Returns the options of the vault of development mode; creates its key where it is missing. `more`: further keys, such as
 * clients.
 */
export function developmentVault(
  folder: string,
  more: Readonly<Record<string, unknown>> = {},
): VaultOptions & { readonly path: string } {
  makeDataFolder(folder)
  const ringSecret = readOrCreate(join(folder, 'vault.key'), () => randomBytes(32).toString('base64'))
  const path = join(folder, 'tokengraph.sqlite')
  return { ...vaultOptions.parse({ path, keys: [{ id: 'development', secret: ringSecret }], ...more }), path }
}

/** Its keys are for nobody's repository. */
function makeDataFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const ignored = join(folder, '.gitignore')
  if (!existsSync(ignored)) writeFileSync(ignored, '*\n', { mode: 0o600 })
}

/** Fills a vault that was just created; whether it has the demo user, who may have been removed since. */
async function openDemo(options: VaultOptions, isNew: boolean): Promise<boolean> {
  const store = await openStore(options)
  try {
    if (isNew) await writeAccounts(store, demoAccounts)
    for await (const _ of iterateAccounts(store, { userId: DEMO_USER, provider: null, externalAccountId: null }))
      return true
    return false
  } finally {
    await store.close()
  }
}

/** Reads a file with one secret. `wx` keeps the first of two processes that start at the same time and create it. */
function readOrCreate(file: string, create: () => string): string {
  try {
    writeFileSync(file, `${create()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  return readFileSync(file, 'utf8').trim()
}

/**
 * Returns the text that development mode prints: what it did, and the next step. `url` is where the server listens. The
 * key is shown on purpose: it opens a server that listens on loopback only.
 */
export function welcome({ key, keyFile, vault }: Development, url: string): string {
  const graph = `${url}/graphql`
  const query = JSON.stringify({
    query: `{ user(id: "${DEMO_USER}") { oauth_access_tokens(provider: "google") { label token } } }`,
  })
  const vaultLine =
    vault === null
      ? ''
      : `\n  vault  ${vault.path} (${vault.created ? 'created, with' : vault.holdsDemo ? 'holds' : 'without'} the demo user ${DEMO_USER})`
  const next =
    vault === null
      ? `Next: open the graph in a browser and ask for one of your users.`
      : `Next: open the graph in a browser, where the first query is filled in. Or:

  curl -s ${graph} -H "Authorization: Bearer $(cat ${keyFile})" \\
    -H 'Content-Type: application/json' -d '${query}'`
  return `tokengraph runs in development mode, for this machine alone.

  graph  ${graph}
  key    ${key} (${keyFile}; may read everything)${vaultLine}

${next}

`
}
