/** Batches of up to 500 ids, answered in another order, and one id that fails the call for the others. */
import { expect, test } from 'vitest'
import { kratos } from '../../src/upstreams/kratos/index.ts'
import { inventUuid } from '../conformance/fixture.ts'
import { kratosFailure, startKratos } from '../servers/kratos.ts'
import type { KratosServer } from '../servers/kratos.ts'
import { answers, silence } from '../servers/misbehaviour.ts'
import { openPlatform } from './open-platform.ts'
import { shown } from './support.ts'

const open = (server: KratosServer, given: object = {}) => openPlatform(kratos, { base_url: server.url, ...given })
const users = (count: number) => Array.from({ length: count }, (_, n) => inventUuid(`user_${String(n)}`))
const sizes = (server: KratosServer) => server.calls.map(({ query }) => query.getAll('ids').length)
const keysOf = (ids: readonly string[], ...providers: string[]) =>
  ids.flatMap((user_id) => providers.map((provider) => ({ user_id, provider })))

test('501 users at three providers are two calls, and every token is in its place', async () => {
  await using server = await startKratos()
  const ids = users(501)
  for (const id of ids) for (const provider of ['google', 'github', 'slack']) server.link(id, provider)
  await using client = open(server)
  const keys = keysOf(ids, 'google', 'github', 'slack')
  const outcomes = await client.batch(keys)
  expect(sizes(server).sort((a, b) => b - a)).toEqual([500, 1])
  const tokens = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value?.map(shown) : null))
  expect(tokens).toMatchObject(
    keys.map(({ user_id, provider }) => [{ provider, token: `invented-token-${user_id}-${provider}` }]),
  )
  expect(client.events.map(({ keys: count }) => count).sort((a, b) => b - a)).toEqual([500, 1])
})

/** Refuses every call that asks for one of these ids. */
function refuses(server: KratosServer, bad: readonly string[]): void {
  server.misbehave((response) => {
    const ids = server.calls.at(-1)?.query.getAll('ids') ?? []
    if (!ids.some((id) => bad.includes(id))) return 'proceed'
    const { status, body } = kratosFailure(400, 'Bad Request', 'Invalid UUID value for parameter `ids`.')
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    return 'spoiled'
  })
}

test('an id that Kratos refuses fails by itself: the batch is split until only that id is left', async () => {
  await using server = await startKratos()
  const ids = users(100)
  for (const id of ids) server.link(id, 'google')
  refuses(server, [ids[41]!])
  await using client = open(server)
  const outcomes = await client.batch(keysOf(ids, 'google'))
  const failed = outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))
  expect(failed).toEqual([41])
  expect(outcomes[41]).toMatchObject({ reason: { code: 'BAD_USER_INPUT', extensions: { upstream_status: 400 } } })
  expect(server.calls.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(100)) + 1)
})

test('a platform that refuses everything is not asked for every id', async () => {
  await using server = await startKratos()
  server.misbehave(answers(400, kratosFailure(400, 'Bad Request').body))
  await using client = open(server)
  const outcomes = await client.batch(keysOf(users(500), 'google'))
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']))
  expect(server.calls.length).toBeLessThanOrEqual(60)
})

test('an outage is not split', async () => {
  await using server = await startKratos()
  server.misbehave(answers(401, kratosFailure(401, 'Unauthorized').body))
  await using client = open(server)
  await client.batch(keysOf(users(8), 'google'))
  expect(sizes(server)).toEqual([8])
})

test.each([
  ['a URL that a proxy finds too long', answers(414, '')],
  ['an answer that is too large', answers(200, `["${'a'.repeat(9 * 1024 * 1024)}"]`)],
])('%s: halves', async (_, spoiled) => {
  await using server = await startKratos()
  const ids = users(4)
  for (const id of ids) server.link(id, 'google')
  server.misbehave(spoiled, { times: 1 })
  await using client = open(server)
  const outcomes = await client.batch(keysOf(ids, 'google'))
  expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('fulfilled'))
  expect(sizes(server)).toEqual([4, 2, 2])
})

test('batch_size', async () => {
  await using server = await startKratos()
  await using client = open(server, { batch_size: 3 })
  await client.batch(keysOf(users(7), 'google', 'github'))
  expect(sizes(server).sort()).toEqual([1, 3, 3])
})

test('one bad identity fails by itself; a row without an id may belong to any user', async () => {
  await using server = await startKratos()
  const ids = users(3)
  const [first, second] = ids.map((id) => ({ id, credentials: {} }))
  server.misbehave(answers(200, [first, { ...second, credentials: { oidc: { config: { providers: [{}] } } } }, null]))
  await using client = open(server)
  expect(await client.batch(keysOf(ids, 'google'))).toMatchObject([
    { value: [] },
    { reason: { code: 'UPSTREAM_PROTOCOL_ERROR' } },
    { reason: { code: 'UPSTREAM_PROTOCOL_ERROR' } },
  ])
})

test('a caller that leaves aborts the call', async () => {
  await using server = await startKratos()
  server.misbehave(silence)
  await using client = open(server)
  const controller = new AbortController()
  const outcomes = client.batch(keysOf(users(2), 'google'), controller.signal)
  await server.arrived(1)
  controller.abort(new Error('gone'))
  expect(await outcomes).toMatchObject([{ reason: { message: 'gone' } }, { reason: { message: 'gone' } }])
  expect(await server.calls[0]?.ended).toBe(false)
  expect(server.calls).toHaveLength(1)
})
