/** A vault with one client at a token server that rotates: what the tests of refreshes begin with. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { reveal } from '../../../src/lib/secret.ts'
import type { OAuthAccessToken, TokenKey } from '../../../src/tokens/types.ts'
import type { Call, Many, PlatformEvent } from '../../../src/upstreams/platform.ts'
import { vault } from '../../../src/upstreams/vault/index.ts'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import type { Store } from '../../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { testFolder } from '../../kit/folder.ts'
import { startTokenServer } from '../../servers/token-server.ts'
import type { TokenServer, TokenServerOptions } from '../../servers/token-server.ts'

const PROVIDER = 'acme'
const over = 1_700_000_000

export interface SceneOptions extends Partial<TokenServerOptions> {
  /** Further keys of the vault. */
  readonly vault?: Readonly<Record<string, unknown>>
  /** Further keys of the provider's record. */
  readonly provider?: Readonly<Record<string, unknown>>
}

/** The configuration of a vault whose client is registered at the server. */
export function configured(server: TokenServer, given: SceneOptions = {}): Readonly<Record<string, unknown>> {
  const { rotation, graceSeconds, reuse, clientId, clientSecret } = server.options
  const mode = rotation === 'never' ? { mode: 'never' } : { mode: 'always', grace_seconds: graceSeconds, reuse }
  return {
    keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
    clients: { [PROVIDER]: { client_id: clientId, client_secret: clientSecret } },
    providers: {
      [PROVIDER]: {
        ...{ authorize_url: server.url, token_url: server.url, client_auth: ['basic'] },
        refresh: { obtained: 'always', rotation: mode },
        ...given.provider,
      },
    },
    refresh: { proactive: false },
    ...given.vault,
  }
}

export async function openScene(given: SceneOptions = {}) {
  const { vault: _, provider: __, ...serverOptions } = given
  const server = await startTokenServer(serverOptions)
  onTestFinished(() => server.stop())
  const options = { path: join(testFolder().path, 'vault.sqlite'), ...configured(server, given) }
  const store = await openStore(vault.options.parse(options))
  onTestFinished(() => store.close())
  return {
    server,
    options,
    store,
    /** An account with a grant of its own; its access token is over unless `expiresAt` says otherwise. */
    connect: (userId: string, expiresAt: number | null = over) => connect(store, server, userId, expiresAt),
    open: () => openReader(options),
    row: (userId: string) => rowOf(store, userId),
  }
}

export async function connect(store: Store, server: TokenServer, userId: string, expiresAt: number | null = over) {
  const grant = server.newGrant()
  const account = {
    ...{ user_id: userId, provider: PROVIDER, external_account_id: `a_${userId}` },
    ...{ token: grant.accessToken, refresh_token: grant.refreshToken, expires_at: expiresAt },
  }
  await writeAccounts(store, [accountRecord.parse(account)])
  return grant
}

/** One process's view of the vault. */
export function openReaderOf(options: Readonly<Record<string, unknown>>) {
  const events: PlatformEvent[] = []
  const warnings: { readonly message: string; readonly details: unknown }[] = []
  const upstream = vault.open(vault.options.parse(options), {
    observe: (event) => events.push(event),
    warn: (message, details) => warnings.push({ message, details }),
  })
  const tokens = upstream.tokens as Many<TokenKey, readonly OAuthAccessToken[]>

  async function read(
    userId: string,
    { minimum = 30, provider = PROVIDER, ...rest }: Partial<Call> & { minimum?: number; provider?: string } = {},
  ) {
    const key: TokenKey = { userId, provider, credential: null, minValiditySeconds: minimum }
    const call: Call = { signal: new AbortController().signal, deadline: () => Infinity, viewer: null, ...rest }
    const answer = (await tokens.many([key], call)).get(tokens.id(key))
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('the key has no answer')
    const [token] = answer
    if (token === undefined) throw new Error('there is no account')
    return { token: reveal(token.token), expiresAt: token.expires_at, problem: token.problem?.code ?? null }
  }
  const close = async (): Promise<void> => {
    await upstream.finish?.()
    await upstream.close()
  }
  return { upstream, events, warnings, read, close }
}

/** The same, closed when the test ends. */
export function openReader(options: Readonly<Record<string, unknown>>) {
  const reader = openReaderOf(options)
  onTestFinished(() => reader.close())
  return reader
}

export async function rowOf({ sql }: Store, userId: string) {
  const [row] = await sql.run<Readonly<Record<string, string | number | null>>>(
    `SELECT * FROM ${sql.dialect.table('accounts')} WHERE user_id = $1`,
    [userId],
  )
  if (row === undefined) throw new Error('there is no such row')
  return row
}
