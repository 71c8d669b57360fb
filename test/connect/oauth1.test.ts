/* cspell:disable -- the vectors of the RFC */
/** OAuth 1.0a (RFC 5849): the signature against the RFC and against npm's oauth-1.0a, and a connection at a strict provider. */
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import OAuth from 'oauth-1.0a'
import { expect, onTestFinished, test } from 'vitest'
import { secret } from '../../src/lib/secret.ts'
import { authorizationOf, baseString } from '../../src/upstreams/vault/clients/oauth1.ts'
import { startLocal } from '../servers/local.ts'
import type { Received, Reply } from '../servers/local.ts'
import { connect, newVerifier, openBrowser, openSceneAt, RETURN_TO, returnedTo } from './scene.ts'

type Client = Parameters<typeof authorizationOf>[0]

function clientOf(
  clientId: string,
  clientSecret: string,
  signature: 'HMAC-SHA1' | 'HMAC-SHA256' = 'HMAC-SHA1',
): Client {
  const oauth1 = { request_token_url: 'https://provider.example.invalid/request', signature }
  return { clientId, clientSecret: secret(clientSecret), provider: { oauth1 } as Client['provider'] }
}

const membersOf = (header: string) =>
  Object.fromEntries(
    [...header.matchAll(/\b(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, decodeURIComponent(value)]),
  )

test('the base string of RFC 5849 section 3.4.1.1, but for its body', () => {
  const url = new URL('http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b&c2&a3=2+q')
  const oauth = {
    ...{ oauth_consumer_key: '9djdj82h48djs9d2', oauth_token: 'kkk9d7dh3k39sjv7', oauth_signature_method: 'HMAC-SHA1' },
    ...{ oauth_timestamp: '137131201', oauth_nonce: '7d8f3e4a' },
  }
  expect(baseString('POST', url, oauth)).toBe(
    'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7',
  )
})

test('the signature of RFC 5849 section 1.2: a request with the token of an account', () => {
  // The example of the RFC sends no `oauth_version`, which section 3.1 leaves to the client: it is compared by parts.
  const url = new URL('http://photos.example.net/photos?file=vacation.jpg&size=original')
  const parameters = {
    ...{ oauth_consumer_key: 'dpf43f3p2l4k3l03', oauth_token: 'nnch734d00sl2jdk', oauth_signature_method: 'HMAC-SHA1' },
    ...{ oauth_timestamp: '137131202', oauth_nonce: 'chapoH' },
  }
  const digest = createHmac('sha1', 'kd94hf93k423kf44&pfkkdhi9sl3r4s00').update(baseString('GET', url, parameters))
  expect(digest.digest('base64')).toBe('MdpQcU8iPSUjWoN/UDMsK2sui9I=')
})

test('signs as oauth-1.0a does, whatever the characters are', () => {
  const text = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter((value) => value.isWellFormed())
  // oauth-1.0a merges parameters by assignment, which loses a `__proto__`.
  const name = text.filter((value) => value !== '__proto__')
  const query = fc.dictionary(name, text, { maxKeys: 4 })
  fc.assert(
    fc.property(fc.tuple(text, text), fc.tuple(text, text), query, fc.boolean(), (own, of, given, is256) => {
      const [[id, clientSecret], [token, tokenSecret]] = [own, of]
      const signature = is256 ? 'HMAC-SHA256' : 'HMAC-SHA1'
      const url = new URL('https://provider.example.invalid/path')
      for (const [name, value] of Object.entries(given)) url.searchParams.set(name, value)
      const moment = { nonce: 'n1', timestamp: 1_700_000_000 }
      const pair = { token, secret: secret(tokenSecret) }
      const header = authorizationOf(clientOf(id, clientSecret, signature), { url, method: 'GET' }, pair, moment)
      const oracle = new OAuth({
        ...{ consumer: { key: id, secret: clientSecret }, signature_method: signature, nonce_length: 2 },
        hash_function: (base, key) =>
          createHmac(is256 ? 'sha256' : 'sha1', key)
            .update(base)
            .digest('base64'),
      })
      oracle.getNonce = () => moment.nonce
      oracle.getTimeStamp = () => moment.timestamp
      const expected = oracle.authorize(
        { url: url.origin + url.pathname, method: 'GET', data: Object.fromEntries(url.searchParams) },
        { key: token, secret: tokenSecret },
      )
      expect(membersOf(header).oauth_signature).toBe(expected.oauth_signature)
    }),
  )
})

const ID = 'invented-client'
const SECRET = 'invented-client-secret'

/** Checks every signature, every nonce and the verifier; answers in forms, as OAuth 1.0a has it. */
async function startProvider() {
  const refusals: string[] = []
  const nonces = new Set<string>()
  const callbacks = new Map<string, string>()
  const state = { isDenied: false, confirms: true, requests: 0 }
  const refuse = (why: string): Reply => {
    refusals.push(why)
    return { status: 401, raw: why }
  }
  const form = (members: Readonly<Record<string, string>>): Reply => ({
    status: 200,
    raw: new URLSearchParams(members).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })

  function isSigned({ method, path, query, headers }: Received, tokenSecret: string): boolean {
    const { oauth_signature: given, ...parameters } = membersOf(headers.authorization ?? '')
    const url = new URL(`${server.url}${path}?${query.toString()}`)
    const key = `${encodeURIComponent(SECRET)}&${encodeURIComponent(tokenSecret)}`
    const isNew = !nonces.has(parameters.oauth_nonce ?? '')
    nonces.add(parameters.oauth_nonce ?? '')
    const isNow = Math.abs(Number(parameters.oauth_timestamp) - Date.now() / 1000) < 60
    const isRight =
      given ===
      createHmac('sha1', key)
        .update(baseString(method, url, parameters))
        .digest('base64')
    return isNew && isNow && isRight && parameters.oauth_consumer_key === ID
  }

  function reply(request: Received): Reply {
    const { path, query, headers } = request
    const {
      oauth_token: token = '',
      oauth_callback: callback,
      oauth_verifier: verifier,
    } = membersOf(headers.authorization ?? '')
    switch (path) {
      case '/request_token': {
        if (!isSigned(request, '') || callback === undefined) return refuse('request token')
        state.requests += 1
        const temporary = `temporary-${String(state.requests)}`
        callbacks.set(temporary, callback)
        return form({
          ...{ oauth_token: temporary, oauth_token_secret: 'temporary-secret' },
          ...(state.confirms && { oauth_callback_confirmed: 'true' }),
        })
      }
      case '/authorize': {
        const back = new URL(callbacks.get(query.get('oauth_token') ?? '') ?? 'http://127.0.0.1:9/none')
        if (state.isDenied) back.searchParams.set('denied', query.get('oauth_token') ?? '')
        else {
          back.searchParams.set('oauth_token', query.get('oauth_token') ?? '')
          back.searchParams.set('oauth_verifier', 'the-verifier')
        }
        return { status: 302, headers: { location: back.href }, raw: '' }
      }
      case '/access_token':
        if (!isSigned(request, 'temporary-secret') || verifier !== 'the-verifier' || !callbacks.delete(token))
          return refuse('access token')
        return form({ oauth_token: 'the-token', oauth_token_secret: 'the-token-secret', user_id: '7' })
      case '/me':
        if (!isSigned(request, 'the-token-secret') || token !== 'the-token') return refuse('identity')
        return { status: 200, body: { id: 7, name: 'Person' } }
      default:
        return refuse(path)
    }
  }

  const server = await startLocal(reply)
  onTestFinished(() => server.close())
  return { server, refusals, state }
}

async function openScene() {
  const provider = await startProvider()
  const { url } = provider.server
  const record = {
    title: 'Old',
    ...{ authorize_url: `${url}/authorize`, token_url: `${url}/access_token`, client_auth: ['post'], pkce: 'ignored' },
    oauth1: { request_token_url: `${url}/request_token` },
    identity: { from: 'request', url: `${url}/me`, id: 'id', label: 'name' },
    answer: { expiry: 'none', missing_expiry: 'never' },
    refresh: { uses: 'nothing', obtained: 'tokens do not end' },
  }
  const at = { url, client_id: ID, client_secret: SECRET, redirect_uris: new Set<string>() }
  return { ...provider, scene: await openSceneAt(at, { record, client: { scopes: [] } }) }
}

test('connects by the same mutations: the token has its secret, and the account its name', async () => {
  const { scene, refusals, state } = await openScene()
  const app = scene.app('user_1')
  const { account, ...rest } = await connect(app)
  expect(refusals).toStrictEqual([])
  expect(rest).toStrictEqual({ status: 'CONNECTED', missing_scopes: [], warnings: [], error_code: null })
  expect(account).toMatchObject({ label: 'Person', provider_user_id: '7' })
  const read = () =>
    app.ask(
      '{ me { oauth_access_tokens(provider: "acme") { token token_secret expires_at external_account_id } } }',
      {},
    )
  const { external_account_id } = account!
  const token = { token: 'the-token', token_secret: 'the-token-secret', expires_at: null, external_account_id }
  expect((await read()).data).toStrictEqual({ me: { oauth_access_tokens: [token] } })
  expect(await connect(app, { external_account_id })).toMatchObject({ account: { external_account_id } })
  expect((await app.disconnect({ external_account_id })).data!.disconnect_account.provider_revocation).toBe(
    'UNSUPPORTED',
  )
  expect(state.requests).toBe(2)
})

test('the link opened twice asks for one token, and a user who says no is no failure', async () => {
  const { scene, state } = await openScene()
  const app = scene.app('user_1')
  const proof = newVerifier()
  const { start_connection: begun } = (await app.start({ code_challenge: proof.challenge })).data!
  const browser = openBrowser()
  const atProvider = ({ pathname }: URL): boolean => pathname === '/authorize'
  const one = await browser.go(begun.authorization_url, atProvider)
  const two = await browser.go(begun.authorization_url, atProvider)
  expect([two.url.href, state.requests]).toStrictEqual([one.url.href, 1])
  state.isDenied = true
  const stop = await browser.go(one.url.href)
  expect(stop.url.href).toBe(`${RETURN_TO}?connection_request_id=${begun.connection_request_id}&error=access_denied`)
  const input = { ...returnedTo(stop, proof), connection_request_id: begun.connection_request_id }
  expect((await app.finish(input)).data!.finish_connection).toMatchObject({ status: 'DENIED', account: null })
})

test('a provider that does not confirm the callback is not gone to (RFC 5849 section 2.1)', async () => {
  const { scene, state } = await openScene()
  state.confirms = false
  const { start_connection: begun } = (await scene.app('user_1').start({ code_challenge: newVerifier().challenge }))
    .data!
  expect((await openBrowser().go(begun.authorization_url)).status).toBe(503)
})

test('a callback of OAuth 2.0 does not count for a client of OAuth 1.0a', async () => {
  const { scene } = await openScene()
  const { start_connection: begun } = (await scene.app('user_1').start({ code_challenge: newVerifier().challenge }))
    .data!
  const browser = openBrowser()
  const { url } = await browser.go(begun.authorization_url, ({ pathname }) => pathname.includes('/callback/'))
  url.searchParams.set('state', url.searchParams.get('oauth_token')!)
  url.searchParams.set('code', 'planted')
  expect((await browser.go(url.href)).status).toBe(404)
})
