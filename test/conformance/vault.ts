/** The embedded vault in the conformance suite: a file in place of a server. */
import { join } from 'node:path'
import { openDatabase } from '../kit/database.ts'
import { platforms } from '../../src/upstreams/registry.ts'
import { accountRecord } from '../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../src/upstreams/vault/store/write.ts'
import { makeFolder } from '../kit/folder.ts'
import { columnsOf } from './columns.ts'
import { canary, invent } from './fixture.ts'
import type { Expected, PlatformFixture } from './fixture.ts'

const noServer = 'a file that this process reads by itself: test/vault has what can go wrong with it'

export const vault: PlatformFixture = {
  essential: [
    'row_id',
    'generation',
    'user_id',
    'provider',
    'external_account_id',
    'expires_at',
    'token',
    'token_secret',
    'id_token',
    'key_id',
    'wrapped_key',
  ],
  unsupported: {
    'unknown user': 'the vault has accounts and no users',
    'provider not configured': 'the vault has accounts of whatever provider was imported',
    'our key refused': noServer,
    'rate limited': noServer,
    outage: noServer,
    timeout: noServer,
    'protocol garbage': noServer,
  },
  async start() {
    const folder = makeFolder()
    const path = join(folder.path, 'vault.sqlite')
    const key = 'invented secret number one, 32 characters'
    const options = { path, keys: [{ id: 'k1', secret: key }] }
    const store = await openStore(platforms.vault.options.parse(options))
    const database = openDatabase(path)
    // Hundreds of rows are written one by one; no test needs them after a power failure.
    await store.sql.run('PRAGMA synchronous = OFF')
    const write = async (user_id: string, accounts: readonly Expected[]): Promise<void> => {
      const refresh_token = canary.refresh_token
      await writeAccounts(
        store,
        accounts.map((account) => accountRecord.parse({ ...account, user_id, refresh_token })),
      )
    }
    const unsupported = (): never => {
      throw new Error(noServer)
    }
    return {
      options,
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      async connect(user_id, provider, accounts = [{}]) {
        const expected = accounts.map((given, n) => invent(user_id, provider, n, given))
        await write(user_id, expected)
        return expected
      },
      addUser: () => Promise.resolve(),
      needsConsent: (user_id, provider) =>
        write(user_id, [invent(user_id, provider, 0, { expires_at: 1_000_000_000 })]),
      columns: columnsOf(database, 'accounts', 'external_account_id'),
      callCount: (events) => events.filter(({ operation }) => operation === 'select tokens').length,
      fewestCalls: () => 1,
      refuseKey: unsupported,
      rateLimit: unsupported,
      outage: unsupported,
      hang: unsupported,
      garbage: unsupported,
      spoil: null,
      canary,
      // It is in the rows that every read selects from.
      canarySent: () => database.prepare('SELECT 1 FROM accounts WHERE refresh_token IS NOT NULL').all().length > 0,
      [Symbol.asyncDispose]: async () => {
        database.close()
        await store.close()
        folder[Symbol.dispose]()
      },
    }
  },
}
