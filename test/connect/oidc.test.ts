/**
 * oidc-provider, a certified authorization server, found by its issuer alone: PKCE is required, refresh tokens rotate, `iss`
 * comes with the callback, and pushed requests and revocation are taken.
 */
import { expect, onTestFinished, test, vi } from 'vitest'
import { openDatabase } from '../kit/database.ts'
import { startOidc } from '../servers/oidc.ts'
import { freePort } from '../kit/free-port.ts'
import { connect, openBrowser, openSceneAt } from './scene.ts'

async function openScene(requiresPar = false) {
  const port = await freePort()
  const login = { accountId: 'person-1', redirectUris: [`http://127.0.0.1:${String(port)}/connect/callback/acme`] }
  const oidc = await startOidc({ login, requiresPar })
  onTestFinished(() => oidc.close())
  const at = { ...oidc.client, url: oidc.issuer, redirect_uris: new Set<string>() }
  const found = { authorize_url: undefined, token_url: undefined, identity: undefined }
  const scene = await openSceneAt(at, {
    port,
    client: { scopes: ['openid', 'offline_access'] },
    provider: {
      ...{ issuer: oidc.issuer, client_auth: ['basic'], authorize_params: { prompt: 'consent' }, ...found },
      refresh: { obtained: 'offline_access', rotation: { mode: 'always', grace_seconds: 0, reuse: 'revokes_family' } },
    },
  })
  return { ...scene, oidc, login }
}

test('connects, reads, refreshes, connects again, and revokes when the account is given up', async () => {
  const { oidc, app: appOf, login, vaultPath } = await openScene()
  const app = appOf('user_1')
  const { account, ...rest } = await connect(app)
  expect(rest).toStrictEqual({ status: 'CONNECTED', missing_scopes: [], warnings: [], error_code: null })
  expect(account).toMatchObject({ provider_user_id: 'person-1' })
  const tokenOf = async () => (await app.tokens('user_1')).data!.user.oauth_access_tokens![0]!.token
  const first = await tokenOf()

  using file = openDatabase(vaultPath)
  file.exec('UPDATE accounts SET expires_at = 1')
  const second = await tokenOf()
  expect(second).not.toBe(first)

  const { external_account_id } = account!
  expect((await connect(app, { external_account_id })).account).toMatchObject({ external_account_id })
  const third = await tokenOf()
  expect([first, second]).not.toContain(third)
  login.accountId = 'person-2'
  expect(await connect(app, { external_account_id })).toMatchObject({ status: 'DIFFERENT_ACCOUNT', account: null })
  expect(await tokenOf()).toBe(third)
  // What person 2 gave is given back, without a further question.
  await vi.waitFor(() => {
    expect(oidc.paths.filter((path) => path === 'POST /token/revocation')).toHaveLength(1)
  }, 15_000)

  const { data } = await app.disconnect({ external_account_id })
  expect(data!.disconnect_account).toStrictEqual({ provider_revocation: 'REVOKED', effect: 'GRANT' })
  expect((await app.tokens('user_1')).data!.user.oauth_access_tokens).toStrictEqual([])
  expect(oidc.paths.filter((path) => path === 'POST /token/revocation')).toHaveLength(2)
})

test('pushes the request where the server takes no other (RFC 9126): the browser carries an id of it', async () => {
  const { oidc, app, publicUrl } = await openScene(true)
  expect(await connect(app('user_1'))).toMatchObject({ status: 'CONNECTED' })
  expect(oidc.paths).toContain('POST /request')
  const begun = await app('user_1').start({ code_challenge: 'x'.repeat(43) })
  const stop = await openBrowser().go(
    begun.data!.start_connection.authorization_url,
    ({ origin }) => origin !== publicUrl,
  )
  expect([...stop.url.searchParams.keys()].sort()).toStrictEqual(['client_id', 'request_uri'])
})

test('an `iss` that was changed, or taken away, ends the connection', async () => {
  const scene = await openScene()
  for (const edit of [
    (url: URL) => {
      url.searchParams.set('iss', 'https://lying.example.invalid')
    },
    (url: URL) => {
      url.searchParams.delete('iss')
    },
  ]) {
    const app = scene.app('user_1')
    const begun = (await app.start({ code_challenge: 'x'.repeat(43) })).data!.start_connection
    const browser = openBrowser()
    const callback = await browser.go(begun.authorization_url, ({ pathname }) => pathname.includes('/callback/'))
    expect(callback.url.searchParams.get('iss')).toBe(scene.oidc.issuer)
    edit(callback.url)
    const stop = await browser.go(callback.url.href)
    expect(stop.url.searchParams.get('error')).toBe('connection_failed')
    expect((await app.status(begun.connection_request_id)).data!.connection_request).toStrictEqual({
      ...{ status: 'FAILED', error_code: 'issuer' },
    })
  }
})
