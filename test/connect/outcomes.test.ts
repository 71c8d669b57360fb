/** What a connection may come to beside success: as data where it is expected, and always with nothing kept. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { startOAuthProvider } from '../servers/oauth-provider.ts'
import { holds, reset } from '../servers/misbehaviour.ts'
import { connect, newVerifier, openBrowser, openSceneAt, RETURN_TO, returnedTo } from './scene.ts'
import type { SceneOptions } from './scene.ts'

async function openScene(options: SceneOptions = {}) {
  const provider = await startOAuthProvider()
  onTestFinished(() => provider.close())
  const scene = await openSceneAt(provider, options)
  return { ...scene, provider }
}

/** Up to the return of the browser; `edit` changes the address of the callback. */
async function goTo(scene: Awaited<ReturnType<typeof openScene>>, edit: (url: URL) => void) {
  const app = scene.app('user_1')
  const proof = newVerifier()
  const { start_connection: begun } = (await app.start({ code_challenge: proof.challenge })).data!
  const browser = openBrowser()
  const callback = await browser.go(begun.authorization_url, ({ pathname }) => pathname.startsWith('/connect/callback'))
  edit(callback.url)
  const stop = await browser.go(callback.url.href)
  const finish = async () =>
    (await app.finish({ ...returnedTo(stop, proof), connection_request_id: begun.connection_request_id })).data!
      .finish_connection
  return { app, begun, stop, finish, tokens: async () => (await app.tokens('user_1')).data!.user.oauth_access_tokens }
}

test.each([
  ['access_denied', 'DENIED', 'access_denied', 'DENIED'],
  ['user_denied', 'DENIED', 'access_denied', 'DENIED'],
  ['server_error', 'FAILED', 'connection_failed', 'REFUSED'],
  ['a text <b>with</b> markup', 'FAILED', 'connection_failed', 'REFUSED'],
])('the provider sends the browser back with %s', async (error, status, shown, finished) => {
  const scene = await openScene()
  const way = await goTo(scene, (url) => {
    url.searchParams.delete('code')
    url.searchParams.set('error', error)
  })
  expect(way.stop.url.href.startsWith(RETURN_TO)).toBe(true)
  expect([...way.stop.url.searchParams.entries()]).toStrictEqual([
    ['connection_request_id', way.begun.connection_request_id],
    ['error', shown],
  ])
  const { data } = await way.app.status(way.begun.connection_request_id)
  expect(data!.connection_request!.status).toBe(status)
  expect(await way.finish()).toMatchObject({ status: finished, account: null })
  expect(await way.tokens()).toStrictEqual([])
})

test('a code that the provider refuses', async () => {
  const scene = await openScene()
  const way = await goTo(scene, (url) => {
    url.searchParams.set('code', 'another-code')
  })
  expect(await way.finish()).toStrictEqual({
    ...{ status: 'REFUSED', account: null, missing_scopes: [], warnings: [], error_code: 'invalid_grant' },
  })
  expect(await way.tokens()).toStrictEqual([])
})

test('a client whose secret is wrong is the fault of this server, and ends the request', async () => {
  const scene = await openScene({ client: { client_secret: 'wrong' } })
  const way = await goTo(scene, () => undefined)
  const app = scene.app('user_1')
  expect((await app.status(way.begun.connection_request_id)).data!.connection_request!.status).toBe('RETURNED')
  await expect(way.finish()).rejects.toThrow()
  expect((await app.status(way.begun.connection_request_id)).data!.connection_request).toMatchObject({
    ...{ status: 'FAILED', error_code: 'invalid_client' },
  })
  expect(scene.server.logged.join('\n')).toContain('a code could not be exchanged')
})

test('an answer that was lost is no account, and says so', async () => {
  const scene = await openScene()
  scene.provider.misbehave(reset, { path: /^\/token/ })
  const app = scene.app('user_1')
  const proof = newVerifier()
  const begun = await app.start({ code_challenge: proof.challenge })
  const input = returnedTo(await openBrowser().go(begun.data!.start_connection.authorization_url), proof)
  expect((await app.finish(input)).errors).toMatchObject([
    { extensions: { code: 'UPSTREAM_UNAVAILABLE', retryable: false } },
  ])
  expect((await app.finish(input)).data!.finish_connection).toMatchObject({ status: 'REFUSED' })
})

test('a provider that is slow: the second call waits for the first', async () => {
  const scene = await openScene()
  const gate = Promise.withResolvers<undefined>()
  scene.provider.misbehave(holds(gate.promise), { path: /^\/token/ })
  const app = scene.app('user_1')
  const proof = newVerifier()
  const begun = await app.start({ code_challenge: proof.challenge })
  const input = returnedTo(await openBrowser().go(begun.data!.start_connection.authorization_url), proof)
  const [first, second] = [app.finish(input), app.finish(input)]
  setTimeout(() => {
    gate.resolve(undefined)
  }, 300)
  expect(await second).toStrictEqual(await first)
})

describe('the wrong account', () => {
  test('of a reconnection: nothing is kept, and the old account stays', async () => {
    const scene = await openScene()
    const app = scene.app('user_1')
    const { external_account_id } = (await connect(app)).account!
    const before = (await app.tokens('user_1')).data!.user.oauth_access_tokens
    scene.provider.user = { id: 'somebody-else', email: 'else@example.invalid' }
    expect(await connect(app, { external_account_id })).toMatchObject({ status: 'DIFFERENT_ACCOUNT', account: null })
    expect((await app.tokens('user_1')).data!.user.oauth_access_tokens).toStrictEqual(before)
    expect(await connect(app, { external_account_id }, openBrowser(), { allow_different_account: true })).toMatchObject(
      { status: 'CONNECTED', account: { external_account_id, label: 'else@example.invalid' } },
    )
  })

  test('of another user is refused, unless the operator allows it', async () => {
    const scene = await openScene()
    expect(await connect(scene.app('user_1'))).toMatchObject({ status: 'CONNECTED' })
    expect(await connect(scene.app('user_2'))).toMatchObject({ status: 'OWNED_BY_ANOTHER_USER', account: null })
    expect((await scene.app('user_2').tokens('user_2')).data!.user.oauth_access_tokens).toStrictEqual([])
    const lenient = await openScene({ connect: { shared_accounts: 'allow' } })
    expect(await connect(lenient.app('user_1'))).toMatchObject({ status: 'CONNECTED' })
    expect(await connect(lenient.app('user_2'))).toMatchObject({ status: 'CONNECTED' })
  })
})

describe('what is missing', () => {
  test('scopes that the user did not allow', async () => {
    const scene = await openScene()
    scene.provider.extra = { scope: 'read' }
    const finished = await connect(scene.app('user_1'), { scopes: ['write', 'openid'] })
    expect(finished).toMatchObject({ status: 'CONNECTED', missing_scopes: ['write'] })
  })

  test('a refresh token is warned of at once', async () => {
    const scene = await openScene()
    scene.provider.extra = { refresh_token: undefined }
    expect(await connect(scene.app('user_1'))).toMatchObject({ status: 'CONNECTED', warnings: ['NO_REFRESH_TOKEN'] })
  })

  test('an identity is warned of', async () => {
    const scene = await openScene({ provider: { identity: null } })
    scene.provider.extra = { id_token: undefined }
    expect(await connect(scene.app('user_1'))).toMatchObject({ status: 'CONNECTED', warnings: ['IDENTITY_UNKNOWN'] })
  })
})

test.each([
  ['of another client', { aud: 'another-client' }, 'id_token_audience'],
  ['of another issuer', { iss: 'https://elsewhere.example.invalid' }, 'id_token_issuer'],
  ['of another request', { nonce: 'another' }, 'id_token_nonce'],
  ['that is over', { exp: 1_700_000_000 }, 'id_token_expired'],
])('an ID token %s is refused, and its tokens are given back', async (_, claims, code) => {
  const scene = await openScene({ provider: { identity: { from: 'id_token', id: 'sub' } } })
  scene.provider.claims = claims
  const scoped = await openSceneAt(scene.provider, {
    provider: { issuer: scene.provider.url, identity: { from: 'id_token', id: 'sub' } },
  })
  expect(await connect(scoped.app('user_1'), { scopes: ['openid'] })).toMatchObject({
    status: 'REFUSED',
    error_code: code,
  })
  expect((await scoped.app('user_1').tokens('user_1')).data!.user.oauth_access_tokens).toStrictEqual([])
})

test('a provider that is slower than the caller: an error by its deadline, and the answer when it is asked again', async () => {
  const scene = await openScene()
  const gate = Promise.withResolvers<undefined>()
  scene.provider.misbehave(holds(gate.promise), { path: /^\/token/ })
  const app = scene.app('user_1')
  const proof = newVerifier()
  const begun = await app.start({ code_challenge: proof.challenge })
  const input = returnedTo(await openBrowser().go(begun.data!.start_connection.authorization_url), proof)
  const query = 'mutation ($input: FinishConnectionInput!) { finish_connection(input: $input) { status } }'
  const headers = { authorization: `Bearer ${await scene.bearerOf('user_1')}`, 'x-request-timeout-ms': '400' }
  const response = await scene.server.post(JSON.stringify({ query, variables: { input } }), headers)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UPSTREAM_TIMEOUT' } }] })
  gate.resolve(undefined)
  expect((await app.finish(input)).data!.finish_connection).toMatchObject({ status: 'CONNECTED' })
  expect(scene.provider.issued).toHaveLength(1)
})
