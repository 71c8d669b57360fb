/** The embedded vault in the conformance suite: a file in place of a server. */
import { join } from 'node:path'
import { secret } from '../../src/lib/secret.ts'
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
  start() {
    const folder = makeFolder()
    const path = join(folder.path, 'vault.sqlite')
    const key = 'invented secret number one, 32 characters'
    const store = openStore({ path, keys: [{ id: 'k1', secret: secret(key) }] })
    // Hundreds of rows are written one by one; no test needs them after a power failure.
    store.database.exec('PRAGMA synchronous = OFF')
    const write = (user_id: string, accounts: readonly Expected[]): void => {
      const refresh_token = canary.refresh_token
      writeAccounts(
        store,
        accounts.map((account) => accountRecord.parse({ ...account, user_id, refresh_token })),
      )
    }
    const unsupported = (): never => {
      throw new Error(noServer)
    }
    return Promise.resolve({
      options: { path, keys: [{ id: 'k1', secret: key }] },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      connect(user_id, provider, accounts = [{}]) {
        const expected = accounts.map((given, n) => invent(user_id, provider, n, given))
        write(user_id, expected)
        return Promise.resolve(expected)
      },
      addUser: () => Promise.resolve(),
      needsConsent(user_id, provider) {
        write(user_id, [invent(user_id, provider, 0, { expires_at: 1_000_000_000 })])
        return Promise.resolve()
      },
      columns: columnsOf(store.database, 'accounts', 'external_account_id'),
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
      canarySent: () =>
        store.database.prepare('SELECT 1 FROM accounts WHERE refresh_token IS NOT NULL').all().length > 0,
      [Symbol.asyncDispose]: () => {
        store.close()
        folder[Symbol.dispose]()
        return Promise.resolve()
      },
    })
  },
}
