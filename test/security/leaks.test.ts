/** docs/promises.md S7: canaries in every secret, every answer and every error body; none in anything that is written. */
import { expect, it } from 'vitest'
import { answers, cut, drip, garbage, gzipBomb, hugeBody, redirects, reset, silence } from '../servers/misbehaviour.ts'
import type { Misbehaviour } from '../servers/misbehaviour.ts'
import { findLeaks } from '../kit/find-leaks.ts'
import { startCanaryServer } from './leaks.ts'

const everything = `query ($user: ID!) { user(id: $user) {
  google: oauth_access_tokens(provider: "google") { token token_secret id_token label public_metadata }
  x: oauth_access_tokens(provider: "x") { token token_secret id_token }
  oauth_connections { provider status reason missing_scopes }
  external_accounts { id provider label email_address public_metadata }
} }`

type Failure = readonly [name: string, make: (canary: string) => Misbehaviour]

const codes: readonly (readonly [number, string])[] = [
  [401, 'clerk_key_invalid'],
  [401, 'authentication_invalid'],
  [403, 'authorization_invalid'],
  [404, 'resource_not_found'],
  [404, 'oauth_token_provider_not_enabled'],
  [400, 'oauth_unsupported_provider'],
  [422, 'oauth_missing_refresh_token'],
  [400, 'external_account_missing_refresh_token'],
  [422, 'oauth_missing_access_token'],
  [400, 'oauth_token_retrieval_error'],
  [400, 'api_version_invalid'],
  [422, 'form_param_value_invalid'],
  [429, 'too_many_requests'],
  [500, 'internal_clerk_error'],
  [503, 'invented_unknown_code'],
]

/** The documented body with the canary wherever it has text of its own. */
const failure =
  (status: number, code: string) =>
  (canary: string): Misbehaviour =>
    answers(
      status,
      {
        errors: [
          { message: canary, long_message: canary, code, meta: { provider_error: canary, param_name: canary } },
          { message: canary, code: canary },
        ],
        clerk_trace_id: `${canary} ${canary}`,
      },
      { 'x-debug': canary, 'www-authenticate': `Bearer error_description="${canary}"`, 'set-cookie': `s=${canary}` },
    )

const failures: readonly Failure[] = [
  ...codes.map(([status, code]): Failure => [`${String(status)} ${code}`, failure(status, code)]),
  ['a page of a proxy', (canary) => answers(502, `<title>${canary}</title>`, { 'content-type': 'text/html' })],
  ['a page with status 200', (canary) => answers(200, `<title>${canary}</title>`, { 'content-type': 'text/html' })],
  ['text that is no JSON', (canary) => answers(200, `[{"token":"${canary}",`)],
  ['a token that is a number', (canary) => answers(200, [{ token: 1, label: canary, [canary]: canary }])],
  [
    'a token in a list',
    (canary) => answers(200, [{ object: 'oauth_access_token', token: [canary], id_token: canary }]),
  ],
  ['a row of another kind', (canary) => answers(200, [{ object: canary, token: canary }])],
  ['an object in place of a list', (canary) => answers(200, { token: canary, refresh_token: canary })],
  ['a redirect to an address with a token', (canary) => redirects(`http://127.0.0.1:1/?token=${canary}`)],
  ['a reason phrase', (canary) => reasonPhrase(canary)],
  ['an answer that ends in the middle', () => cut],
  ['no answer', () => silence],
  ['one byte at a time', () => drip],
  ['a reset', () => reset],
  ['an answer that is no HTTP', () => garbage],
  ['a huge answer', () => hugeBody],
  ['a compressed bomb', () => gzipBomb],
]

function reasonPhrase(text: string): Misbehaviour {
  return (response) => {
    response.writeHead(500, text, { 'content-type': 'text/plain' }).end(text)
    return 'spoiled'
  }
}

it('writes no secret of a success, at level debug', async () => {
  await using leaky = await startCanaryServer(20_000)
  const { server, canaries, clerk } = leaky
  clerk.addTokens('user_1', 'oauth_google', [
    {
      token: canaries.clerkToken,
      id_token: canaries.clerkIdToken,
      token_secret: canaries.clerkTokenSecret,
      ...{ refresh_token: canaries.fresh(), client_secret: canaries.fresh() },
    },
  ])
  const bearers = [server.key, await leaky.issuer.sign({ sub: 'user_1', name: canaries.fresh() })]
  for (const bearer of bearers) {
    const { data, errors } = await server.ask(everything, { bearer, variables: { user: 'user_1' } })
    expect(errors).toBeUndefined()
    const text = JSON.stringify(data)
    const granted = canaries.all.filter((canary) => text.includes(canary))
    expect(new Set(granted)).toEqual(
      new Set([
        canaries.clerkToken,
        canaries.clerkIdToken,
        canaries.clerkTokenSecret,
        canaries.vaultToken,
        canaries.vaultTokenSecret,
        canaries.vaultIdToken,
      ]),
    )
    // Both halves of what proves the user: its claims and its signature.
    canaries.all.push(...bearer.split('.').slice(1))
  }
  expect(leaky.written()).toEqual([])
  expect(server.logged.join('')).toContain('"msg":"upstream"')
})

it.each(failures)('writes and answers nothing of %s', async (_name, make) => {
  await using leaky = await startCanaryServer()
  const { server, canaries, clerk } = leaky
  clerk.misbehave(make(canaries.fresh()))
  const answer = await server.ask(
    '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } oauth_connection(provider: "google") { status reason } external_accounts { id } } }',
  )
  expect(answer.errors?.length).toBeGreaterThan(0)
  expect(findLeaks('answer', JSON.stringify(answer), canaries.all)).toEqual([])
  expect(leaky.written()).toEqual([])
})

it('writes nothing of credentials and operations that are refused', async () => {
  await using leaky = await startCanaryServer()
  const { server, canaries, issuer } = leaky
  const unsigned = await issuer.sign({ sub: canaries.fresh(), aud: 'another' })
  const bearers = [canaries.fresh(), `tgk_${canaries.fresh()}`, unsigned, unsigned.split('.').slice(0, 2).join('.')]
  for (const bearer of bearers) {
    const answer = await server.ask('{ me { id } }', { bearer })
    expect(findLeaks('answer', JSON.stringify(answer), canaries.all)).toEqual([])
  }
  const authorization = `Bearer ${server.key}`
  const secretOf = () => canaries.fresh()
  for (const body of [
    `{"query": "${secretOf()}`,
    JSON.stringify({ query: `{ ${secretOf()} }` }),
    JSON.stringify({ query: `{ user(id: "${secretOf()} ") { id } }` }),
    JSON.stringify({ query: '{ me { id } }', variables: { token: secretOf() }, extensions: { jwt: secretOf() } }),
    JSON.stringify({ query: 'query ($id: ID!) { user(id: $id) { id } }', variables: { id: { token: secretOf() } } }),
  ])
    await (await server.post(body, { authorization, cookie: `session=${canaries.fresh()}` })).text()
  canaries.all.push(...unsigned.split('.').slice(1))
  expect(leaky.written()).toEqual([])
})
