/** The honest way to connect an account, and what it leaves behind. */
import { describe, expect, test } from 'vitest'
import { connect, newVerifier, openBrowser, openConnectScene, RETURN_TO, returnedTo } from './scene.ts'

const account = {
  external_account_id: expect.stringMatching(/^eac_/),
  provider: 'oauth_acme',
  label: 'person@example.invalid',
  provider_user_id: 'invented-provider-user',
}

const eventsQuery = `query ($after: String) { connection_events(after: $after) {
  events { type user_id provider external_account_id generation } cursor has_more } }`

test('a user connects an account, reads its token, and gives it up', async () => {
  const { app: appOf } = await openConnectScene()
  const app = appOf('user_1')
  const finished = await connect(app)
  expect(finished).toStrictEqual({ status: 'CONNECTED', account, missing_scopes: [], warnings: [], error_code: null })
  const { data } = await app.tokens('user_1')
  expect(data!.user.oauth_access_tokens).toMatchObject([{ token: expect.stringMatching(/^invented-access-token/) }])
  const { external_account_id } = finished.account!
  // The provider of the scene has no revocation endpoint.
  expect((await app.disconnect({ external_account_id })).data!.disconnect_account).toStrictEqual({
    provider_revocation: 'UNSUPPORTED',
    effect: 'GRANT',
  })
  expect((await app.tokens('user_1')).data!.user.oauth_access_tokens).toStrictEqual([])
  const events = await app.ask<{ connection_events: { events: readonly object[]; cursor: string } }>(eventsQuery, {})
  const common = { user_id: 'user_1', provider: 'oauth_acme', external_account_id, generation: 1 }
  expect(events.data!.connection_events.events).toStrictEqual([
    { type: 'CREATED', ...common },
    { type: 'DISCONNECTED', ...common },
  ])
  const { cursor } = events.data!.connection_events
  expect(await app.ask(eventsQuery, { after: cursor })).toStrictEqual({
    data: { connection_events: { events: [], cursor, has_more: false } },
  })
})

test('the browser carries no token and no code back, and the request says how far it has come', async () => {
  const scene = await openConnectScene()
  const app = scene.app('user_1')
  const proof = newVerifier()
  const { start_connection: begun } = (await app.start({ code_challenge: proof.challenge })).data!
  const status = async () => (await app.status(begun.connection_request_id)).data!.connection_request
  expect(begun.authorization_url).toBe(`${scene.publicUrl}/connect/${begun.connection_request_id}`)
  expect(begun.expires_at).toBeGreaterThan(Date.now() / 1000 + 540)
  expect(await status()).toStrictEqual({ status: 'PENDING', error_code: null })
  const stop = await openBrowser().go(begun.authorization_url)
  expect([...stop.url.searchParams.keys()]).toStrictEqual(['connection_request_id', 'completion_code'])
  expect(stop.url.href.startsWith(`${RETURN_TO}?`)).toBe(true)
  expect(await status()).toStrictEqual({ status: 'RETURNED', error_code: null })
  await app.finish(returnedTo(stop, proof))
  expect(await status()).toStrictEqual({ status: 'FINISHED', error_code: null })
})

test('a double click on the end gives one account and two equal answers, and one exchange', async () => {
  const scene = await openConnectScene()
  const app = scene.app('user_1')
  const proof = newVerifier()
  const begun = await app.start({ code_challenge: proof.challenge })
  const input = returnedTo(await openBrowser().go(begun.data!.start_connection.authorization_url), proof)
  const [one, two] = await Promise.all([app.finish(input), app.finish(input)])
  expect(one.data!.finish_connection).toMatchObject({ status: 'CONNECTED' })
  expect(two).toStrictEqual(one)
  expect(await app.finish(input)).toStrictEqual(one)
  const exchanges = scene.server.events.filter(({ operation }) => operation === 'exchange')
  expect(exchanges).toHaveLength(1)
})

test('two tabs of one browser connect side by side, and the start may be opened twice', async () => {
  const scene = await openConnectScene()
  const app = scene.app('user_1')
  const browser = openBrowser()
  const [one, two] = [newVerifier(), newVerifier()]
  const first = (await app.start({ code_challenge: one.challenge })).data!.start_connection
  const second = (await app.start({ code_challenge: two.challenge })).data!.start_connection
  const atProvider = (url: URL): boolean => url.pathname === '/authorize'
  const pages = [
    await browser.go(first.authorization_url, atProvider),
    await browser.go(second.authorization_url, atProvider),
    // The back button, and the link again.
    await browser.go(first.authorization_url, atProvider),
  ]
  expect(pages[2]!.url.href).toBe(pages[0]!.url.href)
  const stops = [await browser.go(pages[1]!.url.href), await browser.go(pages[0]!.url.href)]
  expect((await app.finish(returnedTo(stops[0]!, two))).data!.finish_connection.status).toBe('CONNECTED')
  expect((await app.finish(returnedTo(stops[1]!, one))).data!.finish_connection.status).toBe('CONNECTED')
  // The same person at the provider: one account.
  expect((await app.tokens('user_1')).data!.user.oauth_access_tokens).toHaveLength(1)
})

test('a service connects for a user that it names, and only with the right to', async () => {
  const { service, reader } = await openConnectScene()
  expect(await connect(service, { user_id: 'user_7' })).toMatchObject({ status: 'CONNECTED', account })
  expect((await service.tokens('user_7')).data!.user.oauth_access_tokens).toHaveLength(1)
  const { challenge } = newVerifier()
  expect((await service.start({ code_challenge: challenge })).errors).toMatchObject([
    { message: 'user_id is missing: a service says whose account it is.', extensions: { code: 'BAD_USER_INPUT' } },
  ])
  expect((await reader.start({ user_id: 'user_7', code_challenge: challenge })).errors).toMatchObject([
    { extensions: { code: 'FORBIDDEN' } },
  ])
})

describe('connecting again', () => {
  test('keeps the id of the account, and adds its scopes to those asked for', async () => {
    const scene = await openConnectScene()
    const app = scene.app('user_1')
    const { external_account_id } = (await connect(app, { scopes: ['write'] })).account!
    const again = await connect(app, { external_account_id, scopes: ['admin'] })
    expect(again.account).toMatchObject({ external_account_id })
    expect((await app.tokens('user_1')).data!.user.oauth_access_tokens).toMatchObject([
      { external_account_id, scopes: ['read', 'write', 'admin'] },
    ])
  })

  test('without naming it finds the same account of the provider', async () => {
    const { app: appOf } = await openConnectScene()
    const app = appOf('user_1')
    const { external_account_id } = (await connect(app)).account!
    expect((await connect(app)).account).toMatchObject({ external_account_id })
  })
})
