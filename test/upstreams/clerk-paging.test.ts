import { describe, expect, test } from 'vitest'
import { startClerk } from '../servers/clerk.ts'
import { inventToken } from '../servers/clerk-rows.ts'
import { answers } from '../servers/misbehaviour.ts'
import { call } from '../kit/call.ts'
import { failureOf } from '../kit/errors.ts'
import { openClerk } from './support.ts'

const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => inventToken('user_1', 'oauth_google', from + n))

describe.each(['documented', 'never'] as const)('with the envelope %s', (envelope) => {
  test.each([
    [11, ['0']],
    [499, ['0']],
    [501, ['0', '500']],
    [1203, ['0', '500', '1000']],
  ])('%d accounts all arrive, in order', async (count, offsets) => {
    await using server = await startClerk({ envelope })
    const sent = server.addTokens('user_1', 'oauth_google', count)
    await using client = openClerk(server)
    const tokens = await client.tokens('user_1', 'oauth_google')
    expect(tokens?.map((token) => token.external_account_id)).toEqual(sent.map((token) => token.external_account_id))
    expect(server.calls.map(({ query }) => query.get('offset'))).toEqual(offsets)
  })
})

test('exactly one full page: the total ends it, a bare array needs another look', async () => {
  for (const [envelope, calls] of [
    ['documented', 1],
    ['never', 2],
  ] as const) {
    await using server = await startClerk({ envelope })
    server.addTokens('user_1', 'oauth_google', 500)
    await using client = openClerk(server)
    expect(await client.tokens('user_1', 'oauth_google')).toHaveLength(500)
    expect(server.calls).toHaveLength(calls)
  }
})

test('pages that are shorter than asked for are followed up to the total', async () => {
  await using server = await startClerk()
  server.misbehave(answers(200, { data: rows(100), total_count: 250 }), { times: 1 })
  server.misbehave(answers(200, { data: rows(100, 100), total_count: 250 }), { times: 1 })
  server.misbehave(answers(200, { data: rows(50, 200), total_count: 250 }), { times: 1 })
  await using client = openClerk(server)
  expect(await client.tokens('user_1', 'oauth_google')).toHaveLength(250)
  expect(server.calls.map(({ query }) => query.get('offset'))).toEqual(['0', '100', '200'])
})

test('an account that is connected between two pages makes no row come twice', async () => {
  await using server = await startClerk()
  server.misbehave(answers(200, { data: rows(500), total_count: 501 }), { times: 1 })
  server.misbehave(answers(200, { data: rows(2, 499), total_count: 502 }), { times: 1 })
  await using client = openClerk(server)
  const tokens = await client.tokens('user_1', 'oauth_google')
  expect(new Set(tokens?.map(({ external_account_id }) => external_account_id)).size).toBe(501)
  expect(tokens).toHaveLength(501)
})

test('the account is disconnected between two pages', async () => {
  await using server = await startClerk()
  server.misbehave(answers(200, { data: rows(500), total_count: 501 }), { times: 1 })
  server.misbehave(answers(404, { errors: [{ code: 'external_account_not_found' }] }), { times: 1 })
  await using client = openClerk(server)
  expect(await client.tokens('user_1', 'oauth_google')).toHaveLength(500)
})

describe('a pager that never ends is a protocol error, never a list that ends early', () => {
  test.each([
    ['an empty page before the total', { data: [], total_count: 3 }, 1],
    ['the same page again and again', { data: rows(500), total_count: 5000 }, 2],
    ['the same bare page again and again', rows(500), 2],
  ])('%s', async (_, body, calls) => {
    await using server = await startClerk()
    server.misbehave(answers(200, body))
    await using client = openClerk(server)
    expect(await failureOf(client.tokens('user_1', 'oauth_google'))).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
    expect(server.calls).toHaveLength(calls)
  })

  test('a total that grows with every page', async () => {
    await using server = await startClerk()
    for (let n = 0; n < 30; n++) server.misbehave(answers(200, { data: rows(1, n), total_count: n + 2 }), { times: 1 })
    await using client = openClerk(server)
    expect(await failureOf(client.tokens('user_1', 'oauth_google'))).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
    expect(server.calls).toHaveLength(20)
  })

  test('a page of more rows than asked for', async () => {
    await using server = await startClerk()
    server.misbehave(answers(200, rows(501)))
    await using client = openClerk(server)
    expect(await failureOf(client.tokens('user_1', 'oauth_google'))).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
    expect(server.calls).toHaveLength(1)
  })
})

test('a failure on a later page fails the key: half a list would look like the whole', async () => {
  await using server = await startClerk()
  server.addTokens('user_1', 'oauth_google', 501)
  server.misbehave(() => 'proceed', { times: 1 })
  server.misbehave(answers(503, ''), { times: 1 })
  await using client = openClerk(server)
  expect(await failureOf(client.tokens('user_1', 'oauth_google'))).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
})

test('60 keys in parallel stay within the configured concurrency, one call each', async () => {
  await using server = await startClerk()
  for (let n = 0; n < 60; n++) server.addTokens(`user_${String(n)}`, 'oauth_google')
  await using client = openClerk(server, { concurrency: 7 })
  const keys = Array.from({ length: 60 }, (_, n) => `user_${String(n)}`)
  const answered = await Promise.all(keys.map((user_id) => client.tokens(user_id, 'oauth_google', call())))
  expect(answered.map((tokens) => tokens?.[0]?.external_account_id)).toEqual(
    keys.map((user_id) => `eac_${user_id}_oauth_google_0`),
  )
  expect(server.calls).toHaveLength(60)
  expect(server.maxConcurrent).toBeLessThanOrEqual(7)
  expect(server.connections).toBeLessThanOrEqual(7)
})
