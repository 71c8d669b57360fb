/** `vault import --from`: what Clerk and Nango hold, at strict local servers; better-auth is in test/better-auth. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { reveal } from '../../src/lib/secret.ts'
import { importFrom, openSource } from '../../src/commands/vault-sources.ts'
import type { SourceFlags } from '../../src/commands/vault-sources.ts'
import { vaultOptions } from '../../src/upstreams/vault/options.ts'
import { openSecrets } from '../../src/upstreams/vault/store/rows.ts'
import type { FullRow } from '../../src/upstreams/vault/store/rows.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { testFolder } from '../kit/folder.ts'
import { captureOutput } from '../kit/output.ts'
import { startClerk } from '../servers/clerk.ts'
import { answers } from '../servers/misbehaviour.ts'
import { startNango } from '../servers/nango.ts'

async function open(upstream: Readonly<Record<string, unknown>>) {
  const folder = testFolder()
  const keys = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
  const clients = {
    google: { client_id: 'a', client_secret: 'b' },
    other: { provider: 'google', client_id: 'c', client_secret: 'd' },
  }
  const vault = { platform: 'vault', path: join(folder.path, 'vault.sqlite'), keys, clients }
  const auth = { services: [{ id: 'a', key_sha256: 'a'.repeat(64) }] }
  const file = folder.write(
    'tokengraph.yaml',
    JSON.stringify({ upstreams: { old: upstream, vault }, providers: { default: 'vault' }, auth }),
  )
  const { platform: _, ...options } = vault
  const store = await openStore(vaultOptions.parse(options))
  onTestFinished(() => store.close())
  return {
    store,
    async run(flags: SourceFlags = {}, from = 'old') {
      const printed = captureOutput()
      const code = await importFrom(store, await openSource({ file, from, env: {} }), flags, printed)
      return { code, out: printed.out.text(), err: printed.err.text() }
    },
    openSource: (from: string) => openSource({ file, from, env: {} }),
    async rows() {
      const rows = await store.sql.run<FullRow>(
        'SELECT * FROM accounts ORDER BY user_id, provider, external_account_id',
      )
      return rows.map((row) => {
        const { token, refresh_token, token_secret } = openSecrets(row, store.keyring)
        return {
          ...{ user: row.user_id, provider: row.provider, account: row.external_account_id, client: row.client },
          ...{ token: reveal(token), refresh: refresh_token && reveal(refresh_token), email: row.email_address },
          secret: token_secret && reveal(token_secret),
        }
      })
    },
  }
}

async function startNangoWith(count: number) {
  const nango = await startNango()
  onTestFinished(() => nango.close())
  for (let n = 0; n < count; n++)
    nango.connect(`user_${String(n)}`, 'google', {
      credentials: {
        ...{ type: 'OAUTH2', access_token: `invented-at-${String(n)}`, refresh_token: `invented-rt-${String(n)}` },
        ...{ expires_at: '2100-01-01T00:00:00.000Z', raw: { scope: 'email' } },
      },
    })
  return {
    nango,
    upstream: {
      platform: 'nango',
      base_url: nango.url,
      secret_key: nango.secret_key,
      rate: { requests: 100_000, per_seconds: 1 },
    },
  }
}

test('Nango: every page, with refresh tokens, into the client that is named', async () => {
  const { nango, upstream } = await startNangoWith(501)
  nango.connect('user_0', 'slack', {
    credentials: { type: 'OAUTH1', oauth_token: 'invented-first', oauth_token_secret: 'invented-first-secret' },
  })
  const { run, rows } = await open(upstream)
  expect(await run({ dryRun: true })).toEqual({
    code: 0,
    out: 'oauth_google               501, 501 with a refresh token\noauth_slack                1, 0 with a refresh token\nNothing was written: 502 can be imported.\n',
    err: '',
  })
  expect(await rows()).toEqual([])
  const imported = await run({ client: ['google=other'] })
  expect(imported).toMatchObject({ code: 0, err: '' })
  expect(imported.out).toContain('502 added; 0 were there and stay as they are.')
  const all = await rows()
  expect(all).toHaveLength(502)
  expect(all[0]).toEqual({
    ...{ user: 'user_0', provider: 'oauth_google', account: 'connection-0', client: 'other', email: null },
    ...{ token: 'invented-at-0', refresh: 'invented-rt-0', secret: null },
  })
  expect(all[1]).toMatchObject({ provider: 'oauth_slack', token: 'invented-first', secret: 'invented-first-secret' })
})

test('what the vault has refreshed since is not overwritten: an import may be run again', async () => {
  const { nango, upstream } = await startNangoWith(3)
  const { run, rows, store } = await open(upstream)
  await run()
  await store.sql.run("UPDATE accounts SET label = 'since' WHERE user_id = 'user_1'")
  nango.held[1]!.credentials = { ...nango.held[1]!.credentials, access_token: 'invented-stale' }
  await store.sql.run("DELETE FROM accounts WHERE user_id = 'user_2'")
  expect((await run()).out).toContain('1 added; 2 were there and stay as they are.')
  expect((await rows()).map(({ token }) => token)).toEqual(['invented-at-0', 'invented-at-1', 'invented-at-2'])
})

test('what cannot be had is named, and takes nothing with it; no line holds a token', async () => {
  const { nango, upstream } = await startNangoWith(3)
  nango.connect('user_9', 'github', { credentials: { type: 'API_KEY', apiKey: 'invented-api-key' } })
  nango.connect('user_8', 'google', { tags: {}, end_user: null })
  nango.connect('user_7', 'google', {
    credentials: { type: 'OAUTH2', access_token: 'line\nbreak', expires_at: null, raw: {} },
  })
  nango.misbehave(answers(500, {}), { path: /connection-1$/ })
  const { run, rows } = await open(upstream)
  const { code, out, err } = await run()
  expect(code).toBe(1)
  expect(err.split('\n').sort()).toEqual([
    '',
    '4 of 6 cannot be imported.',
    '? oauth_google connection-4: the platform does not give it (USER_NOT_FOUND)',
    'user_1 oauth_google connection-1: the platform does not give it (UPSTREAM_UNAVAILABLE)',
    'user_7 oauth_google connection-5: the platform does not give it (UPSTREAM_PROTOCOL_ERROR)',
    'user_9 oauth_github connection-3: the platform does not give it (UNSUPPORTED_CREDENTIAL)',
  ])
  expect(out).toContain('2 added')
  expect((await rows()).map(({ user }) => user)).toEqual(['user_0', 'user_2'])
  expect(out + err).not.toMatch(/invented-(at|rt|api)/)
})

test('Clerk: every user, without refresh tokens, and says that what is over cannot be refreshed', async () => {
  const clerk = await startClerk()
  onTestFinished(() => clerk.close())
  for (let n = 0; n < 101; n++) {
    const user = `user_${String(n)}`
    const accounts = [{ provider: 'oauth_google' }, ...(n === 0 ? [{ provider: 'oauth_github' }] : [])]
    clerk.addUser(user, { accounts })
    clerk.addTokens(user, 'oauth_google', [{ token: `invented-${String(n)}` }])
  }
  clerk.addTokens('user_0', 'oauth_github', [{ token: 'invented-over', expires_at: 1_700_000_000_000 }])
  const { run, rows } = await open({ ...clerk.options(), rate: { requests: 100_000, per_seconds: 1 } })
  const { code, out } = await run({}, 'clerk')
  expect(code).toBe(0)
  expect(out).toContain('oauth_google               101, 0 with a refresh token\n')
  expect(out).toContain('1 are over and cannot be refreshed: their users have to consent.\n')
  expect(out).toContain('102 added')
  const all = await rows()
  expect(all).toHaveLength(102)
  expect(all.every(({ refresh }) => refresh === null)).toBe(true)
})

test.each([
  ['nobody', 'no upstream has that name or platform; there is: old, vault.'],
  ['vault', 'vault cannot be listed as a whole; better-auth, clerk and nango can.'],
])('--from %s', async (from, message) => {
  const { upstream } = await startNangoWith(0)
  const scene = await open(upstream)
  await expect(scene.openSource(from)).rejects.toThrow(message)
  await expect(scene.run({ client: ['none'] })).rejects.toThrow('the vault has no such client; it has google, other.')
})
