/** better-auth itself links the accounts, over HTTP and at a real provider; the graph reads what it stored. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importFrom } from '../../src/commands/vault-sources.ts'
import { reveal } from '../../src/lib/secret.ts'
import { betterAuth } from '../../src/upstreams/better-auth/index.ts'
import { vaultOptions } from '../../src/upstreams/vault/options.ts'
import { openSecrets } from '../../src/upstreams/vault/store/rows.ts'
import type { FullRow } from '../../src/upstreams/vault/store/rows.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { testFolder } from '../kit/folder.ts'
import { captureOutput } from '../kit/output.ts'
import { startOAuthProvider } from '../servers/oauth-provider.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { PostgresServer } from '../servers/postgres.ts'
import { startTestServer } from '../kit/server.ts'
import { appSecret, startApp } from './app.ts'
import { createPostgres, createSqlite } from './databases.ts'
import type { TestDatabase } from './databases.ts'

let postgres: PostgresServer
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres[Symbol.asyncDispose]())

const databases: readonly [string, () => Promise<TestDatabase>][] = [
  ['SQLite', createSqlite],
  ['PostgreSQL', () => createPostgres(postgres)],
]
const cases = databases.flatMap(([name, create]) =>
  [true, false].map((encrypted) => ({ name, encryption: encrypted ? 'on' : 'off', create, encrypted })),
)

const query = `query ($ids: [ID!]!) {
  users(ids: $ids) {
    id
    github: oauth_access_tokens(provider: "oauth_github") { ...fields }
    gitlab: oauth_access_tokens(provider: "gitlab") { ...fields }
    external_accounts { external_account_id provider provider_user_id approved_scopes created_at updated_at }
  }
}
fragment fields on OAuthAccessToken {
  object external_account_id provider_user_id token expires_at provider public_metadata label scopes token_secret id_token
}`

interface Account {
  readonly id: string
  readonly provider: string
}
interface UserAnswer {
  readonly id: string
  readonly github: readonly unknown[]
  readonly gitlab: readonly unknown[]
  readonly external_accounts: readonly Account[]
}

describe.each(cases)('$name, encryption $encryption', ({ create, encrypted }) => {
  async function start() {
    const provider = await startOAuthProvider()
    const database = await create()
    const app = await startApp({
      database: database.forApp,
      provider,
      providerIds: ['github', 'gitlab'],
      given: { account: { encryptOAuthTokens: encrypted } },
    })
    const server = await startTestServer({
      file: {
        upstreams: {
          app: {
            platform: 'better-auth',
            database: database.forUs,
            encrypted,
            ...(encrypted && { secret: appSecret }),
          },
        },
      },
    })
    return {
      provider,
      database,
      app,
      server,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]()
        await app[Symbol.asyncDispose]()
        await database[Symbol.asyncDispose]()
        await provider.close()
      },
    }
  }

  test('every linked account is read, in one statement and whole', async () => {
    await using at = await start()
    const anna = await at.app.signUp('anna@example.invalid')
    const ben = await at.app.signUp('ben@example.invalid')
    const first = await anna.link('github', { id: 'gh-1', email: 'one@example.invalid' })
    const second = await anna.link('github', { id: 'gh-2', email: 'two@example.invalid' })
    const third = await ben.link('gitlab', { id: 'gl-1', email: 'three@example.invalid' })
    const { data, errors } = await at.server.ask<{ users: UserAnswer[] }>(query, {
      variables: { ids: [ben.id, anna.id, 'user_nobody'] },
    })
    expect(errors).toBeUndefined()
    const row = (provider: string, provider_user_id: string, issued: Readonly<Record<string, unknown>>) => ({
      object: 'oauth_access_token',
      external_account_id: expect.stringMatching(/./),
      provider_user_id,
      token: issued.access_token,
      expires_at: expect.toSatisfy((value: number) => Math.abs(value - Date.now() / 1000 - 3600) < 60),
      provider,
      public_metadata: {},
      label: null,
      scopes: ['profile', 'repo'],
      token_secret: null,
      id_token: issued.id_token,
    })
    expect(data?.users).toMatchObject([
      { id: ben.id, github: [], gitlab: [row('oauth_gitlab', 'gl-1', third)] },
      { id: anna.id, github: [row('oauth_github', 'gh-1', first), row('oauth_github', 'gh-2', second)], gitlab: [] },
      { id: 'user_nobody', github: [], gitlab: [], external_accounts: [] },
    ])
    const statements = at.server.events.map(({ operation, keys, outcome }) => ({ operation, keys, outcome }))
    expect(statements.toSorted((a, b) => (a.operation < b.operation ? -1 : 1))).toEqual([
      { operation: 'better-auth.accounts', keys: 3, outcome: 'ok' },
      { operation: 'better-auth.tokens', keys: 6, outcome: 'ok' },
    ])
    const everything = JSON.stringify([data, at.server.logged])
    for (const { refresh_token } of at.provider.issued) expect(everything).not.toContain(refresh_token)
  })

  test("the accounts and tokens are those of the library's own routes", async () => {
    await using at = await start()
    const anna = await at.app.signUp('anna@example.invalid')
    await anna.link('github', { id: 'gh-1', email: 'one@example.invalid' })
    const listed = (await anna.get('/api/auth/list-accounts')) as { id: string; providerId: string }[]
    const linked = listed.filter(({ providerId }) => providerId !== 'credential')
    const { data } = await at.server.ask<{ users: UserAnswer[] }>(query, { variables: { ids: [anna.id] } })
    const seconds = expect.toSatisfy((value: number) => Math.abs(value - Date.now() / 1000) < 60)
    expect(data?.users[0]?.external_accounts).toEqual(
      linked.map(({ id }) => ({
        external_account_id: id,
        provider: 'oauth_github',
        provider_user_id: 'gh-1',
        approved_scopes: ['profile', 'repo'],
        created_at: seconds,
        updated_at: seconds,
      })),
    )
    const { accessToken } = (await anna.post('/api/auth/get-access-token', { accountId: linked[0]?.id })) as {
      accessToken: string
    }
    expect(data?.users[0]?.github).toMatchObject([{ token: accessToken, external_account_id: linked[0]?.id }])
  })

  test('an expired token needs consent, and its refresh token stays where it is', async () => {
    await using at = await start()
    const anna = await at.app.signUp('anna@example.invalid')
    at.provider.expires_in = 1
    await anna.link('github', { id: 'gh-1', email: 'one@example.invalid' })
    const stored = await at.database.run('SELECT * FROM account')
    const calls = at.provider.calls.length
    const ask = () => at.server.ask(query, { variables: { ids: [anna.id] } })
    const answers = await Promise.all(Array.from({ length: 10 }, ask))
    for (const { data, errors } of answers) {
      expect(data).toMatchObject({ users: [{ github: null, gitlab: [] }] })
      expect(errors).toMatchObject([{ path: ['users', 0, 'github'], extensions: { code: 'REAUTHORIZATION_REQUIRED' } }])
    }
    expect(at.provider.calls.length).toBe(calls)
    expect(await at.database.run('SELECT * FROM account')).toEqual(stored)
  })

  test('a token whose provider does not say how long it lives has no expiry', async () => {
    await using at = await start()
    const anna = await at.app.signUp('anna@example.invalid')
    at.provider.expires_in = null
    at.provider.extra = { id_token: undefined }
    const { access_token } = await anna.link('github', { id: 'gh-1', email: 'one@example.invalid' })
    const { data } = await at.server.ask<{ users: UserAnswer[] }>(query, { variables: { ids: [anna.id] } })
    expect(data?.users[0]?.github).toMatchObject([{ token: access_token, expires_at: null, id_token: null }])
  })
})

describe.each(cases)('an import out of $name, encryption $encryption', ({ create, encrypted }) => {
  test('has every account with its refresh token', async () => {
    const provider = await startOAuthProvider()
    const database = await create()
    const app = await startApp({
      database: database.forApp,
      provider,
      providerIds: ['github', 'gitlab'],
      given: { account: { encryptOAuthTokens: encrypted } },
    })
    const folder = testFolder()
    const store = await openStore(
      vaultOptions.parse({ path: join(folder.path, 'vault.sqlite'), keys: [{ id: 'k1', secret: 'x'.repeat(40) }] }),
    )
    try {
      const anna = await app.signUp('anna@example.invalid')
      const ben = await app.signUp('ben@example.invalid')
      await anna.link('github', { id: 'gh-1', email: 'one@example.invalid' })
      await ben.link('gitlab', { id: 'gl-1', email: 'two@example.invalid' })
      const options = { database: database.forUs, encrypted, ...(encrypted && { secret: appSecret }) }
      const opened = betterAuth.open(betterAuth.options.parse(options), { observe: () => undefined })
      const { exportAll } = opened
      const printed = captureOutput()
      expect(await importFrom(store, { ...opened, exportAll: exportAll! }, {}, printed)).toBe(0)
      expect(printed.out.text()).toContain('oauth_github               1, 1 with a refresh token\n')
      expect(printed.err.text()).toBe('')
      const rows = await store.sql.run<FullRow>('SELECT * FROM accounts ORDER BY provider')
      expect(rows.map(({ user_id, provider: at, provider_user_id }) => [user_id, at, provider_user_id])).toEqual([
        [anna.id, 'oauth_github', 'gh-1'],
        [ben.id, 'oauth_gitlab', 'gl-1'],
      ])
      const held = rows.map((row) => openSecrets(row, store.keyring))
      expect(held.map(({ token, refresh_token }) => [reveal(token), reveal(refresh_token!)])).toEqual(
        provider.issued.map(({ access_token, refresh_token }) => [access_token, refresh_token]),
      )
    } finally {
      await store.close()
      await app[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
      await provider.close()
    }
  })
})
