/** How users are asked for: one by one or by a search, and what happens to users that the search leaves out. */
import { expect, test } from 'vitest'
import { startAuth0 } from '../servers/auth0.ts'
import { answers } from '../servers/misbehaviour.ts'
import { openAuth0, userCalls } from './auth0-support.ts'
import { failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const key = (user_id: string, provider = 'google-oauth2') => ({ user_id, provider })

test('one user: the strongly consistent call, whose query asks for no more than is shown', async () => {
  await using server = await startAuth0()
  server.addIdentity('auth0|1', 'google-oauth2')
  await using client = openAuth0(server)
  expect(await client.tokens('auth0|1', 'google-oauth2')).toHaveLength(1)
  const received = server.calls.at(-1)
  expect(received?.path).toBe('/api/v2/users/auth0%7C1')
  expect(received?.query.get('include_fields')).toBe('true')
  expect(received?.query.get('fields')?.split(',').sort()).toEqual([
    'email',
    'family_name',
    'given_name',
    'identities',
    'last_login',
    'nickname',
    'picture',
    'user_id',
    'username',
  ])
})

test('several users: one documented search, and providers cost nothing', async () => {
  await using server = await startAuth0()
  for (const id of ['auth0|1', 'google-oauth2|2']) server.addIdentity(id, 'google-oauth2')
  await using client = openAuth0(server)
  const outcomes = await client.batch([key('auth0|1'), key('google-oauth2|2'), key('auth0|1', 'github')])
  expect(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value?.length)).toEqual([1, 1, 0])
  expect(userCalls(server)).toEqual(['/api/v2/users?q=user_id:("auth0|1" OR "google-oauth2|2")'])
  expect(Object.fromEntries(server.calls.at(-1)!.query)).toMatchObject({
    search_engine: 'v3',
    per_page: '50',
    page: '0',
    primary_order: 'false',
  })
})

test('at most 50 ids and some 6000 characters in one URL', async () => {
  await using server = await startAuth0()
  const many = Array.from({ length: 120 }, (_, n) => `auth0|${String(n)}`)
  const long = Array.from({ length: 60 }, (_, n) => `saml|${'x'.repeat(240)}${String(n)}`)
  for (const id of [...many, ...long]) server.addIdentity(id, 'github')
  await using client = openAuth0(server)
  for (const ids of [many, long]) {
    const outcomes = await client.batch(ids.map((id) => key(id, 'github')))
    expect(outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value?.length === 1)).toBe(true)
  }
  const searches = server.calls.filter(({ path }) => path === '/api/v2/users')
  expect(searches.slice(0, 3).map(({ query }) => query.get('q')!.split(' OR ').length)).toEqual([50, 50, 20])
  for (const { query } of searches) expect(encodeURIComponent(query.get('q')!).length).toBeLessThan(6100)
})

test('without the search every user is a call', async () => {
  await using server = await startAuth0()
  for (const id of ['a|1', 'a|2']) server.addIdentity(id, 'github')
  await using client = openAuth0(server, { search: false })
  await client.batch([key('a|1', 'github'), key('a|2', 'github')])
  expect(userCalls(server).sort()).toEqual(['/api/v2/users/a%7C1', '/api/v2/users/a%7C2'])
})

test('an id that Auth0 does not accept fails only itself: the search is split', async () => {
  await using server = await startAuth0()
  const ids = Array.from({ length: 8 }, (_, n) => `a|${String(n)}`)
  for (const id of ids) server.addIdentity(id, 'github')
  server.settings.refusedIds.add('a|5')
  await using client = openAuth0(server)
  const outcomes = await client.batch(ids.map((id) => key(id, 'github')))
  expect(outcomes.map(({ status }) => status)).toEqual(ids.map((id) => (id === 'a|5' ? 'rejected' : 'fulfilled')))
  expect(outcomes[5]).toMatchObject({ reason: { code: 'BAD_USER_INPUT' } })
})

test('a user that the search does not know is unknown, and no account of it exists', async () => {
  await using server = await startAuth0()
  server.addIdentity('a|1', 'github')
  await using client = openAuth0(server)
  const [found, missing] = await client.batch([key('a|1', 'github'), key('a|2', 'github')])
  expect(found).toMatchObject({ status: 'fulfilled' })
  expect(missing).toMatchObject({ reason: { code: 'USER_NOT_FOUND' } })
  expect(await client.accounts('a|2')).toBeNull()
})

test('where the search shows no tokens, each user is read without it, and the answer is the same', async () => {
  await using server = await startAuth0()
  server.settings.searchShowsTokens = false
  const tokens = ['a|1', 'a|2'].map((id) => server.addIdentity(id, 'github').access_token)
  await using client = openAuth0(server)
  const outcomes = await client.batch([key('a|1', 'github'), key('a|2', 'github')])
  expect(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? shown(outcome.value![0]!).token : undefined)),
  ).toEqual(tokens)
  expect(userCalls(server)).toHaveLength(3)
})

test('a client without the scope for tokens is our mistake, and not the consent of a user', async () => {
  await using server = await startAuth0({ scope: 'read:users' })
  server.addIdentity('a|1', 'github')
  await using client = openAuth0(server)
  const error = await failureOf(client.tokens('a|1', 'github'))
  expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', message: expect.stringContaining('read:user_idp_tokens') })
  expect(await client.accounts('a|1')).toMatchObject([{ provider: 'github' }])
})

test('a malformed user fails only itself; a user without an id fails all that are missing', async () => {
  await using server = await startAuth0()
  const good = {
    user_id: 'a|1',
    identities: [{ connection: 'github', provider: 'github', user_id: '1', access_token: 't' }],
  }
  await using client = openAuth0(server)
  const ask = async (body: unknown) => {
    const stop = server.misbehave(answers(200, body), { path: /users$/ })
    const outcomes = await client.batch([key('a|1', 'github'), key('a|2', 'github')])
    stop()
    return outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? 'ok' : (outcome.reason as { code: string }).code,
    )
  }
  const odd = 'UPSTREAM_PROTOCOL_ERROR'
  expect(await ask([good, { user_id: 'a|2', identities: 'none' }])).toEqual(['ok', odd])
  expect(await ask([good, { identities: [] }])).toEqual(['ok', odd])
  expect(await ask({ users: [good] })).toEqual([odd, odd])
})
