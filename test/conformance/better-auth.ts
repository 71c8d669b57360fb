/** better-auth in the conformance suite: tables that the library made, tokens that it encrypted, in an SQLite file. */
import { join } from 'node:path'
import { symmetricEncrypt } from 'better-auth/crypto'
import { getMigrations } from 'better-auth/db/migration'
import { openDatabase } from '../kit/database.ts'
import { makeFolder } from '../kit/folder.ts'
import { columnsOf } from './columns.ts'
import { canary, invent } from './fixture.ts'
import type { Expected, PlatformFixture } from './fixture.ts'

const noServer =
  'a file that this process reads by itself: test/better-auth has PostgreSQL and what can go wrong with it'
const secret = 'invented-better-auth-secret-of-enough-length'

export const betterAuth: PlatformFixture = {
  essential: ['id', 'providerId', 'userId', 'accessToken', 'accessTokenExpiresAt'],
  unsupported: {
    'unknown user': 'the account table has accounts and no users (docs/platforms/better-auth.md section 5)',
    'provider not configured':
      'the database does not know which providers are configured (docs/platforms/better-auth.md section 5)',
    'our key refused': noServer,
    'rate limited': noServer,
    outage: noServer,
    timeout: noServer,
    'protocol garbage': noServer,
  },
  async start() {
    const folder = makeFolder()
    const path = join(folder.path, 'app.sqlite')
    const database = openDatabase(path)
    // The application writes hundreds of rows one by one; no test needs them after a power failure.
    database.exec('PRAGMA synchronous = OFF')
    await (await getMigrations({ database, telemetry: { enabled: false } })).runMigrations()
    const encrypt = (data: string): Promise<string> => symmetricEncrypt({ key: secret, data })
    const now = new Date().toISOString()
    const addUser = (id: string): void => {
      database
        .prepare('INSERT OR IGNORE INTO "user" VALUES (?, ?, ?, 1, NULL, ?, ?)')
        .run(id, 'Invented Person', `${id}@example.invalid`, now, now)
    }

    async function write(user_id: string, account: Expected): Promise<void> {
      addUser(user_id)
      const { external_account_id, provider_user_id, expires_at, scopes, id_token } = account
      const expiry = expires_at === null ? null : new Date(expires_at * 1000).toISOString()
      const tokens = [await encrypt(account.token), await encrypt(canary.refresh_token)]
      const provider = account.provider.slice('oauth_'.length)
      database
        .prepare(
          `INSERT OR REPLACE INTO account (id, accountId, providerId, userId, accessToken, refreshToken, idToken,
             accessTokenExpiresAt, scope, createdAt, updatedAt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          ...[external_account_id, provider_user_id, provider, user_id, ...tokens, id_token],
          ...[expiry, scopes?.join(',') ?? null, now, now],
        )
    }

    const unsupported = (): never => {
      throw new Error(noServer)
    }
    return {
      options: { database: { sqlite: path }, encrypted: true, secret },
      providers: ['oauth_google', 'oauth_github', 'oauth_slack'],
      async connect(user_id, provider, accounts = [{}]) {
        const expected = accounts.map((given, n) => ({
          ...invent(user_id, provider, n, given),
          external_account_id: `${user_id}-${provider}-${String(n)}`,
          id_token: `invented-id-token-${encodeURIComponent(user_id)}`,
        }))
        for (const account of expected) await write(user_id, account)
        return expected
      },
      addUser: (id) => {
        addUser(id)
        return Promise.resolve()
      },
      async needsConsent(user_id, provider) {
        const external_account_id = `${user_id}-${provider}-0`
        await write(user_id, invent(user_id, provider, 0, { external_account_id, expires_at: 1_000_000_000 }))
      },
      columns: columnsOf(database, 'account', 'id'),
      callCount: (events) => events.filter(({ operation }) => operation === 'better-auth.tokens').length,
      fewestCalls: () => 1,
      refuseKey: unsupported,
      rateLimit: unsupported,
      outage: unsupported,
      hang: unsupported,
      garbage: unsupported,
      spoil: null,
      canary,
      // It is in the rows that every read selects from.
      canarySent: () => database.prepare('SELECT 1 FROM account WHERE refreshToken IS NOT NULL').all().length > 0,
      [Symbol.asyncDispose]: () => {
        database.close()
        folder[Symbol.dispose]()
        return Promise.resolve()
      },
    }
  },
}
