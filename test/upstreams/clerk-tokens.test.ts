import fc from 'fast-check'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { startClerk } from '../servers/clerk.ts'
import { inventToken } from '../servers/clerk-rows.ts'
import { answers } from '../servers/misbehaviour.ts'
import { failureOf } from '../kit/errors.ts'
import { openClerk, shown } from './support.ts'

describe.each(['documented', 'never'] as const)('with the envelope %s', (envelope) => {
  test('all fields arrive as the platform sent them', async () => {
    await using server = await startClerk({ envelope })
    const given = {
      label: 'work',
      id_token: 'invented-id-token',
      public_metadata: { team: { id: 1, tags: ['a', null] } },
    }
    const [row] = server.addTokens('user_1', 'oauth_google', [given])
    await using client = openClerk(server)
    const tokens = await client.tokens('user_1', 'oauth_google')
    expect(tokens?.map(shown)).toEqual([{ ...row, object: undefined, provider: 'google', token_secret: null }])
    expect(Object.keys(tokens?.[0] ?? {})).toHaveLength(12)
  })

  test('several accounts keep their order, and no account is an empty list', async () => {
    await using server = await startClerk({ envelope })
    const rows = server.addTokens('user_1', 'oauth_google', 3)
    await using client = openClerk(server)
    const tokens = await client.tokens('user_1', 'oauth_google')
    expect(tokens?.map(({ external_account_id }) => external_account_id)).toEqual(
      rows.map(({ external_account_id }) => external_account_id),
    )
    expect(await client.tokens('user_1', 'oauth_github')).toEqual([])
  })
})

test('the request is the documented one', async () => {
  await using server = await startClerk()
  server.addTokens('user_1', 'oauth_google')
  await using client = openClerk(server)
  await client.tokens('user_1', 'oauth_google')
  const [received] = server.calls
  expect(received?.path).toBe('/v1/users/user_1/oauth_access_tokens/oauth_google')
  expect(received?.query.toString()).toBe('paginated=true&limit=500&offset=0')
  expect(received?.headers).toMatchObject({
    authorization: `Bearer ${server.secret_key}`,
    'clerk-api-version': '2026-05-12',
  })
  expect(client.events).toMatchObject([
    { upstream: 'clerk-test', operation: 'clerk.oauth_access_tokens', keys: 1, outcome: 'ok' },
  ])
})

test.each([
  ['google', 'oauth_google', 'google'],
  ['oauth_google', 'oauth_google', 'google'],
  ['custom_acme', 'oauth_custom_acme', 'custom_acme'],
  ['oauth_custom_acme', 'oauth_custom_acme', 'custom_acme'],
])('the provider %s is %s on the wire and %s in the record', async (asked, sent, bare) => {
  await using server = await startClerk()
  server.addTokens('user_1', sent)
  await using client = openClerk(server)
  expect(await client.tokens('user_1', asked)).toMatchObject([{ provider: bare }])
  expect(server.calls[0]?.path.split('/').at(-1)).toBe(sent)
})

test('a provider name in an answer may lack its prefix', async () => {
  await using server = await startClerk()
  server.addTokens('user_1', 'oauth_google', [{ provider: 'google' }])
  await using client = openClerk(server)
  expect(await client.tokens('user_1', 'oauth_google')).toMatchObject([{ provider: 'google' }])
})

test('OAuth 1.0: a token secret, no scopes', async () => {
  await using server = await startClerk()
  const row: Partial<ReturnType<typeof inventToken>> = inventToken('user_1', 'oauth_x', 1, {
    token_secret: 'invented-token-secret',
  })
  delete row.scopes
  server.misbehave(answers(200, [row]))
  await using client = openClerk(server)
  const [token] = (await client.tokens('user_1', 'oauth_x')) ?? []
  expect(token && shown(token)).toMatchObject({ scopes: null, token_secret: 'invented-token-secret', id_token: null })
})

test.each([
  ['seconds', 1_767_225_600, 1_767_225_600],
  ['milliseconds', 1_767_225_600_999, 1_767_225_600],
  ['after 2038', 4_102_444_800, 4_102_444_800],
  ['null', null, null],
  ['zero', 0, null],
  ['nothing', undefined, null],
])('expires_at in %s', async (_, sent, seconds) => {
  await using server = await startClerk()
  server.misbehave(answers(200, [{ ...inventToken('user_1', 'oauth_google', 1), expires_at: sent }]))
  await using client = openClerk(server)
  expect(await client.tokens('user_1', 'oauth_google')).toMatchObject([{ expires_at: seconds }])
})

test('what old versions leave out is null or empty', async () => {
  const { object, external_account_id, token, provider } = inventToken('user_1', 'oauth_google', 1)
  await using server = await startClerk()
  server.misbehave(answers(200, [{ object, external_account_id, token, provider, later_field: { of: 'clerk' } }]))
  await using client = openClerk(server)
  const [found] = (await client.tokens('user_1', 'oauth_google')) ?? []
  expect(found && shown(found)).toEqual({
    external_account_id,
    provider_user_id: '',
    token,
    expires_at: null,
    provider: 'google',
    public_metadata: {},
    label: null,
    scopes: null,
    token_secret: null,
    id_token: null,
  })
})

const row = inventToken('user_1', 'oauth_google', 1)
test.each([
  ['an empty token', [{ ...row, token: '' }]],
  ['no token', [{ ...row, token: undefined }]],
  ['a token that is a number', [{ ...row, token: 1 }]],
  ['no external_account_id', [{ ...row, external_account_id: undefined }]],
  ['another object', [{ ...row, object: 'invented_object' }]],
  ['an expiry that is a word', [{ ...row, expires_at: 'soon' }]],
  ['an expiry that is an object', [{ ...row, expires_at: {} }]],
  ['a token with a line break', [{ ...row, token: 'invented\r\nx: 1' }]],
  ['a row that is null', [null]],
  ['null', null],
  ['an object without data', { total_count: 0 }],
  ['data that is no list', { data: {}, total_count: 0 }],
  ['a total that is no number', { data: [], total_count: 'many' }],
  ['a string', '"invented"'],
])('%s is a protocol error', async (_, body) => {
  await using server = await startClerk()
  server.misbehave(answers(200, body, { 'cf-ray': 'invented-ray-1' }))
  await using client = openClerk(server)
  expect((await failureOf(client.tokens('user_1', 'oauth_google'))).extensions).toEqual({
    code: 'UPSTREAM_PROTOCOL_ERROR',
    retryable: false,
    upstream: 'clerk-test',
    upstream_status: 200,
    trace_id: 'invented-ray-1',
  })
})

test.each([
  ['an expiry beyond every clock', { expires_at: 1e300 }, { expires_at: null }],
  ['the zero time of Go', { expires_at: -62_135_596_800 }, { expires_at: null }],
  ['scopes in one text', { scopes: 'openid email' }, { scopes: ['openid', 'email'] }],
  [
    'one text in the list of scopes',
    { scopes: ['user.info.basic,video.list'] },
    { scopes: ['user.info.basic', 'video.list'] },
  ],
  ['scopes that are numbers', { scopes: [1] }, { scopes: null }],
  ['a label that is an object', { label: {} }, { label: null }],
  ['metadata that is a list', { public_metadata: [] }, { public_metadata: {} }],
])('%s costs no token', async (_, sent, expected) => {
  await using server = await startClerk()
  server.misbehave(answers(200, [{ ...row, ...sent }]))
  await using client = openClerk(server)
  expect(await client.tokens('user_1', 'oauth_google')).toMatchObject([
    { external_account_id: row.external_account_id, ...expected },
  ])
})

test('a row of another provider is not handed out under the name of this one', async () => {
  await using server = await startClerk()
  server.misbehave(answers(200, [{ ...row, provider: 'oauth_github' }]))
  await using client = openClerk(server)
  expect(await failureOf(client.tokens('user_1', 'oauth_google'))).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
})

test('a row that cannot be read hides no other', async () => {
  await using server = await startClerk()
  server.misbehave(answers(200, [{ ...row, token: 1 }, null, { ...row, external_account_id: 'eac_fine' }]))
  await using client = openClerk(server)
  expect(await client.tokens('user_1', 'oauth_google')).toMatchObject([{ external_account_id: 'eac_fine' }])
})

describe('public_metadata', () => {
  test('any JSON object comes back as it is, less the keys that reach a prototype', async () => {
    await using server = await startClerk()
    await using client = openClerk(server)
    const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'prototype'))
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 5 }, fc.string(), fc.integer(), fc.constant(null), tie('list'), tie('node')),
      list: fc.array(tie('tree'), { maxLength: 3 }),
      node: fc
        .array(fc.tuple(key, tie('tree')), { maxLength: 4 })
        .map((entries) => Object.fromEntries(entries) as unknown),
    }))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(key, tree), { maxLength: 4 }), async (entries) => {
        const sent = JSON.stringify([{ ...row, public_metadata: Object.fromEntries(entries) }])
        const stop = server.misbehave(answers(200, sent))
        const [token] = (await client.tokens('user_1', 'oauth_google')) ?? []
        stop()
        const expected = JSON.parse(sent, (name, value: unknown) =>
          ['__proto__', 'constructor', 'prototype'].includes(name) ? undefined : value,
        ) as (typeof row)[]
        expect(JSON.stringify(token?.public_metadata)).toBe(JSON.stringify(expected[0]?.public_metadata))
        expect(JSON.stringify(token?.public_metadata)).not.toMatch(/"(__proto__|constructor|prototype)":/)
      }),
      { numRuns: 100 },
    )
  })

  test.each([
    [30, true],
    [100_000, false],
  ])('nested %d deep: served is %s', async (depth, served) => {
    const nested = `{"a":`.repeat(depth) + '1' + '}'.repeat(depth)
    await using server = await startClerk()
    server.misbehave(
      answers(
        200,
        JSON.stringify([{ ...row, public_metadata: 0 }]).replace('"public_metadata":0', `"public_metadata":${nested}`),
      ),
    )
    await using client = openClerk(server)
    const [token] = (await client.tokens('user_1', 'oauth_google')) ?? []
    expect(JSON.stringify(token?.public_metadata)).toBe(served ? nested : '{}')
  })
})

test('no secret of a record prints', async () => {
  await using server = await startClerk()
  server.addTokens('user_1', 'oauth_google', [
    { id_token: 'invented-id', token_secret: 'invented-secret', provider_user_id: '1' },
  ])
  await using client = openClerk(server)
  const tokens = await client.tokens('user_1', 'oauth_google')
  expect(inspect(tokens, { depth: 9, showHidden: true }) + JSON.stringify(tokens)).not.toMatch(
    /invented-(id|secret|token)/,
  )
})
