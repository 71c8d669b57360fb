/**
 * The whole life of an account at strict stand-ins of the providers that most applications connect, each played from its
 * documents (docs/providers.md): connect, read, refresh, more scopes, connect again, give up. The record of the catalogue is
 * used as it is, with its addresses moved to this machine.
 */
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../kit/database.ts'
import { readCatalogue } from '../../src/upstreams/vault/providers/catalogue.ts'
import { makeFolder } from '../kit/folder.ts'
import { startTestServer } from '../kit/server.ts'
import { startLocal } from '../servers/local.ts'
import type { Received, Reply } from '../servers/local.ts'
import { connect, newVerifier, openBrowser, openSceneAt } from './scene.ts'

const ID = 'invented-client'
const SECRET = 'invented-client-secret'

interface Play {
  readonly id: string
  readonly scopes: readonly string[]
  /** What the browser brings to the authorization endpoint, beside what every one has. */
  readonly asks: Readonly<Record<string, string>>
  readonly hasPkce: boolean
  /** Where tokens are, and how the client shows itself there. */
  readonly tokenPath: string
  readonly client: 'post' | 'basic' | 'json'
  /** Members of the answer beside the tokens; `n` counts the answers. */
  answer(n: number, local: string): Readonly<Record<string, unknown>>
  /** The request that tells who it is; null: the answer does. */
  readonly identity: readonly [path: string, body: object] | null
  readonly user: string
  /** The request that revokes; null: the provider has none. */
  readonly revoke: ((request: Received, tokens: Tokens) => boolean) | null
  readonly revoked: readonly [state: string, effect: string]
}

interface Tokens {
  readonly access: string
  readonly refresh: string
}

const form = ({ body }: Received) => Object.fromEntries(new URLSearchParams(body))
const basic = `Basic ${Buffer.from(`${ID}:${SECRET}`).toString('base64')}`

function idToken(claims: object): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const times = { aud: ID, exp: Math.floor(Date.now() / 1000) + 300 }
  return `${encode({ alg: 'RS256' })}.${encode({ ...times, ...claims })}.c2ln`
}

const plays: readonly Play[] = [
  {
    id: 'google',
    scopes: ['openid', 'https://www.googleapis.com/auth/calendar.readonly'],
    asks: { access_type: 'offline', prompt: 'consent', include_granted_scopes: 'true' },
    ...{ hasPkce: true, tokenPath: '/oauth2.googleapis.com/token', client: 'post', identity: null, user: '1000' },
    answer: (_, local) => ({
      ...{ expires_in: 3599, token_type: 'Bearer' },
      scope: 'openid https://www.googleapis.com/auth/calendar.readonly https://www.googleapis.com/auth/tasks',
      id_token: idToken({ iss: `${local}/accounts.google.com`, sub: '1000', email: 'person@example.invalid' }),
    }),
    revoke: (request, { refresh }) =>
      request.path === '/oauth2.googleapis.com/revoke' &&
      JSON.stringify(form(request)) === JSON.stringify({ token: refresh }),
    revoked: ['REVOKED', 'GRANT'],
  },
  {
    id: 'github',
    ...{ scopes: [], asks: {}, hasPkce: true, tokenPath: '/github.com/login/oauth/access_token', client: 'post' },
    answer: () => ({ expires_in: 28_800, refresh_token_expires_in: 15_897_600, scope: '', token_type: 'bearer' }),
    ...{ identity: ['/api.github.com/user', { id: 7, login: 'person' }], user: '7' },
    revoke: ({ method, path, headers, body }, { access }) =>
      method === 'DELETE' &&
      path === `/api.github.com/applications/${ID}/grant` &&
      headers.authorization === basic &&
      body === JSON.stringify({ access_token: access }),
    revoked: ['REVOKED', 'GRANT'],
  },
  {
    id: 'slack',
    ...{ scopes: ['chat:write', 'users:read'], asks: {}, hasPkce: true, tokenPath: '/slack.com/api/oauth.v2.access' },
    client: 'post',
    answer: (n) => ({
      ...{
        ok: true,
        token_type: 'bot',
        expires_in: 43_200,
        scope: 'chat:write,users:read,files:read',
        bot_user_id: 'B1',
      },
      ...{ app_id: 'A1', team: { id: 'T1', name: 'Team' }, enterprise: null, is_enterprise_install: false },
      ...(n !== 2 && { authed_user: { id: 'U1' } }),
    }),
    ...{ identity: null, user: 'U1' },
    revoke: ({ path, headers }, { access }) =>
      path === '/slack.com/api/auth.revoke' && headers.authorization === `Bearer ${access}`,
    revoked: ['REVOKED', 'TOKEN'],
  },
  {
    id: 'microsoft',
    ...{ scopes: ['User.Read'], asks: { scope: 'User.Read offline_access' }, hasPkce: true, client: 'post' },
    tokenPath: '/login.microsoftonline.com/common/oauth2/v2.0/token',
    // The tenant `common` answers with the issuer of the user, and without `offline_access` among the scopes.
    answer: () => ({
      ...{
        token_type: 'Bearer',
        scope: 'User.Read profile openid email Files.Read',
        expires_in: 4711,
        ext_expires_in: 4711,
      },
      id_token: idToken({ iss: 'https://login.microsoftonline.com/t1/v2.0', oid: 'o-1', tid: 't1' }),
    }),
    ...{ identity: null, user: 'o-1', revoke: null, revoked: ['UNSUPPORTED', 'GRANT'] },
  },
  {
    id: 'salesforce',
    ...{ scopes: ['api'], asks: { scope: 'api refresh_token' }, hasPkce: true, client: 'post' },
    tokenPath: '/login.salesforce.com/services/oauth2/token',
    answer: (_, local) => ({
      ...{ scope: 'api refresh_token web', token_type: 'Bearer', signature: 'c2ln', issued_at: '1795700000000' },
      ...{ instance_url: local, id: `${local}/id/00D/005` },
    }),
    identity: [
      '/login.salesforce.com/services/oauth2/userinfo',
      { user_id: '005', organization_id: '00D', email: 'person@example.invalid' },
    ],
    user: '005',
    revoke: (request, { refresh }) =>
      request.path === '/login.salesforce.com/services/oauth2/revoke' && form(request).token === refresh,
    revoked: ['REVOKED', 'GRANT'],
  },
  {
    id: 'atlassian',
    ...{ scopes: ['read:me'], hasPkce: true, client: 'json', tokenPath: '/auth.atlassian.com/oauth/token' },
    asks: { audience: 'api.atlassian.com', prompt: 'consent', scope: 'read:me offline_access' },
    answer: () => ({ expires_in: 3600, scope: 'read:me offline_access read:jira-work', token_type: 'Bearer' }),
    ...{ identity: ['/api.atlassian.com/me', { account_id: 'a-1', email: 'person@example.invalid' }], user: 'a-1' },
    ...{ revoke: null, revoked: ['UNSUPPORTED', 'GRANT'] },
  },
  {
    id: 'x',
    ...{ scopes: ['tweet.read', 'users.read'], asks: { scope: 'tweet.read users.read offline.access' } },
    ...{ hasPkce: true, client: 'basic', tokenPath: '/api.x.com/2/oauth2/token' },
    answer: () => ({ expires_in: 7200, scope: 'tweet.read users.read offline.access like.read', token_type: 'bearer' }),
    ...{ identity: ['/api.x.com/2/users/me', { data: { id: '42', username: 'person', name: 'Person' } }], user: '42' },
    revoke: (request, { refresh }) =>
      request.path === '/api.x.com/2/oauth2/revoke' &&
      request.headers.authorization === basic &&
      form(request).token === refresh,
    revoked: ['REVOKED', 'GRANT'],
  },
]

/** Answers what the documents say and nothing else; what it refuses fails the test by its name. */
async function playProvider(play: Play) {
  const codes = new Map<string, { challenge: string | null; redirect: string }>()
  const tokens: Tokens[] = []
  const refusals: string[] = []
  const asked: URLSearchParams[] = []
  const refuse = (why: string): Reply => {
    refusals.push(why)
    return { status: 400, body: { error: 'refused' } }
  }

  function authorize({ query }: Received): Reply {
    asked.push(query)
    if (query.get('client_id') !== ID || query.get('response_type') !== 'code') return refuse('authorize: client')
    for (const [name, value] of Object.entries(play.asks))
      if (asked.length === 1 && query.get(name) !== value)
        return refuse(`authorize: ${name} is ${String(query.get(name))}`)
    if (query.has('code_challenge') !== play.hasPkce) return refuse('authorize: PKCE')
    const code = `code-${String(codes.size)}`
    const redirect = query.get('redirect_uri') ?? ''
    codes.set(code, { challenge: query.get('code_challenge'), redirect })
    const back = new URL(redirect)
    back.searchParams.set('code', code)
    back.searchParams.set('state', query.get('state') ?? '')
    return { status: 302, headers: { location: back.href }, raw: '' }
  }

  function token(request: Received): Reply {
    const given: Record<string, string> =
      play.client === 'json' ? (JSON.parse(request.body) as Record<string, string>) : form(request)
    const isClient =
      play.client === 'basic'
        ? request.headers.authorization === basic
        : given.client_id === ID && given.client_secret === SECRET && request.headers.authorization === undefined
    if (!isClient) return refuse('token: client')
    if (given.grant_type === 'authorization_code') {
      const known = codes.get(given.code ?? '')
      codes.delete(given.code ?? '')
      if (known?.redirect !== given.redirect_uri) return refuse('token: code')
      if (play.hasPkce !== (given.code_verifier !== undefined)) return refuse('token: verifier')
    } else if (given.refresh_token !== tokens.at(-1)?.refresh) return refuse('token: refresh token')
    const n = tokens.length + 1
    const next = { access: `at-${String(n)}`, refresh: `rt-${String(n)}` }
    tokens.push(next)
    const pair = { access_token: next.access, refresh_token: next.refresh }
    return { status: 200, body: { ...pair, ...play.answer(n, server.url) } }
  }

  const server = await startLocal((request) => {
    const { path, headers } = request
    if (path.endsWith('/authorize') || path.endsWith('/v2/auth')) return authorize(request)
    if (path === play.tokenPath) return token(request)
    if (path === play.identity?.[0])
      return headers.authorization === `Bearer ${tokens.at(-1)?.access ?? ''}`
        ? { status: 200, body: play.identity[1] }
        : refuse('identity: token')
    if (play.revoke?.(request, tokens.at(-1)!) === true) {
      server.revocations += 1
      return play.id === 'slack' ? { status: 200, body: { ok: true, revoked: true } } : { status: 200, raw: '' }
    }
    return refuse(`${request.method} ${path}`)
  }).then((local) => Object.assign(local, { revocations: 0 }))
  onTestFinished(() => server.close())
  return { server, tokens, refusals, asked }
}

/** The record as a configuration has it, with each address below the local server. */
function recordAt(id: string, local: string): Readonly<Record<string, unknown>> {
  const text = JSON.stringify(readCatalogue().get(id))
  return JSON.parse(text.replaceAll(/"https:\/\/(?!docs|developer|help|learn)([^"]+)"/g, `"${local}/$1"`)) as Readonly<
    Record<string, unknown>
  >
}

test.each(plays.map((play) => [play.id, play] as const))('%s', async (id, play) => {
  const { server, tokens, refusals, asked } = await playProvider(play)
  const scene = await openSceneAt(
    { url: server.url, client_id: ID, client_secret: SECRET, redirect_uris: new Set<string>() },
    { record: recordAt(id, server.url), client: { scopes: play.scopes } },
  )
  const app = scene.app('user_1')
  const tokenOf = async () => {
    const { data, errors } = await app.tokens('user_1')
    return data!.user.oauth_access_tokens?.map(({ token }) => token) ?? errors
  }

  const { account, ...rest } = await connect(app)
  expect(refusals).toStrictEqual([])
  expect(rest).toStrictEqual({ status: 'CONNECTED', missing_scopes: [], warnings: [], error_code: null })
  expect(account).toMatchObject({ provider_user_id: play.user })
  expect(await tokenOf()).toStrictEqual(['at-1'])

  using file = openDatabase(scene.vaultPath)
  file.exec('UPDATE accounts SET expires_at = 1')
  expect(await tokenOf()).toStrictEqual(['at-2'])

  const { external_account_id } = account!
  const more = id === 'slack' ? 'files:read' : 'invented.scope'
  const added = await connect(app, { external_account_id, scopes: [more] })
  expect(added).toMatchObject({ status: 'CONNECTED', account: { external_account_id } })
  expect(added.missing_scopes).toStrictEqual(id === 'slack' ? [] : [more])
  const { separator } = readCatalogue().get(id)!.scopes
  expect(asked[1]!.get('scope')!.split(separator)).toStrictEqual(expect.arrayContaining([...play.scopes, more]))
  expect(await tokenOf()).toStrictEqual(['at-3'])

  expect((await connect(app)).account).toMatchObject({ external_account_id })
  expect(await tokenOf()).toStrictEqual(['at-4'])

  const { data } = await app.disconnect({ external_account_id })
  const [provider_revocation, effect] = play.revoked
  expect(data!.disconnect_account).toStrictEqual({ provider_revocation, effect })
  expect(server.revocations).toBe(play.revoke === null ? 0 : 1)
  expect(await tokenOf()).toStrictEqual([])
  expect(tokens).toHaveLength(4)
  expect(refusals).toStrictEqual([])
})

test('a connection can be begun at every provider of the catalogue, and its request says what the record says', async () => {
  const port = 9
  const values: Readonly<Record<string, string>> = { shop: 'shop', subdomain: 'sub', account: 'acc', instance: 'inst' }
  const clients = [...readCatalogue().values()].map(({ id, templates, client_auth: [method] }) => [
    id,
    {
      ...{ client_id: `client-of-${id}`, scopes: ['one', 'two'] },
      ...(method !== 'none' && { client_secret: SECRET }),
      values: Object.fromEntries(
        Object.entries(templates).flatMap(([name, { default: own }]) =>
          own === null ? [[name, values[name] ?? 'x']] : [],
        ),
      ),
    },
  ])
  using folder = makeFolder()
  await using server = await startTestServer({
    file: {
      upstreams: {
        vault: {
          ...{ platform: 'vault', path: `${folder.path}/vault.sqlite` },
          keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
          clients: Object.fromEntries(clients),
          connect: { public_url: `http://127.0.0.1:${String(port)}`, return_to: ['https://app.example.invalid/'] },
        },
      },
      providers: { default: 'vault' },
    },
  })
  for (const record of readCatalogue().values()) {
    const { challenge } = newVerifier()
    const answer = await server.ask<{ start_connection: { authorization_url: string } }>(
      'mutation ($input: StartConnectionInput!) { start_connection(input: $input) { authorization_url } }',
      {
        variables: {
          input: {
            ...{ provider: record.id, user_id: 'user_1', return_to: 'https://app.example.invalid/' },
            code_challenge: challenge,
          },
        },
      },
    )
    expect(answer.errors, record.id).toBeUndefined()
    const { pathname } = new URL(answer.data!.start_connection.authorization_url)
    const { url } = await openBrowser().go(server.url + pathname, (at) => !at.href.startsWith(server.url))
    const [origin, path] = [url.origin, url.pathname]
    const expected = new URL(
      record.authorize_url.replaceAll(
        /\{([a-z_]+)\}/g,
        (_, name: string) => record.templates[name]!.default ?? values[name] ?? 'x',
      ),
    )
    expect([origin, path], record.id).toStrictEqual([expected.origin, expected.pathname])
    const { separator, offline } = record.scopes
    expect(url.searchParams.get('scope'), record.id).toBe([...new Set(['one', 'two', ...offline])].join(separator))
    expect(url.searchParams.get(record.client_id_param), record.id).toBe(`client-of-${record.id}`)
    expect(url.searchParams.get('redirect_uri'), record.id).toBe(
      `http://127.0.0.1:${String(port)}/connect/callback/${record.id}`,
    )
    expect(url.searchParams.has('code_challenge'), record.id).toBe(record.pkce !== 'breaks')
    for (const [name, value] of Object.entries(record.authorize_params))
      expect(url.searchParams.get(name), `${record.id}: ${name}`).toBe(value)
  }
})
