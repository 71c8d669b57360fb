import { describe, expect, test } from 'vitest'
import { startClerk } from '../servers/clerk.ts'
import { inventAccount } from '../servers/clerk-rows.ts'
import { answers } from '../servers/misbehaviour.ts'
import { openClerk } from './support.ts'

const ids = (count: number) => Array.from({ length: count }, (_, n) => `user_${String(n)}`)

test('100 users are one call with an explicit limit, matched by id and not by order', async () => {
  await using server = await startClerk()
  for (const id of ids(100)) server.addUser(id, { accounts: [{ username: `name of ${id}` }] })
  await using client = openClerk(server)
  const found = await client.accounts(ids(100))
  expect(ids(100).map((id) => found.get(id))).toMatchObject(ids(100).map((id) => [{ username: `name of ${id}` }]))
  expect(server.calls).toHaveLength(1)
  expect(server.calls[0]?.path).toBe('/v1/users')
  expect(server.calls[0]?.query.getAll('user_id')).toEqual(ids(100))
  expect(server.calls[0]?.query.get('limit')).toBe('100')
  expect(client.events).toMatchObject([{ operation: 'clerk.users', keys: 100, outcome: 'ok' }])
  expect(client.upstream.accounts).toMatchObject({ kind: 'many', max: 100 })
})

test('ids that the answer leaves out are absent; a user without accounts has an empty list', async () => {
  await using server = await startClerk()
  server.addUser('user_1')
  await using client = openClerk(server)
  const found = await client.accounts(['user_nobody', 'user_1', 'user_1'])
  expect([...found]).toEqual([['user_1', []]])
  expect(server.calls[0]?.query.getAll('user_id')).toEqual(['user_nobody', 'user_1'])
})

test('users that were not asked for are left out', async () => {
  await using server = await startClerk()
  const [asked, other] = [server.addUser('user_1'), server.addUser('user_2')]
  server.misbehave(answers(200, [other, asked]))
  await using client = openClerk(server)
  expect([...(await client.accounts(['user_1'])).keys()]).toEqual(['user_1'])
})

describe('an id that cannot be sent', () => {
  test.each(['-user_1', '--'])('%s would exclude users: unknown, without a call', async (id) => {
    await using server = await startClerk()
    server.addUser('user_1')
    await using client = openClerk(server)
    expect((await client.accounts([id])).size).toBe(0)
    expect(server.calls).toEqual([])
  })

  test('does not affect the ids beside it', async () => {
    await using server = await startClerk()
    server.addUser('user_1')
    server.addUser('user_2')
    await using client = openClerk(server)
    const found = await client.accounts(['-user_1', '+user_2', 'user_1', 'a b', 'a\nb', ''])
    expect(found.get('user_1')).toEqual([])
    expect(found.has('-user_1')).toBe(false)
    for (const id of ['+user_2', 'a b']) expect(found.has(id)).toBe(false)
    for (const id of ['a\nb', '']) expect(found.get(id)).toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(server.calls.map(({ query }) => query.getAll('user_id'))).toEqual([['user_1', 'a b']])
  })
})

test('every field of an account', async () => {
  await using server = await startClerk()
  server.addUser('user_1', { accounts: [{ public_metadata: { a: [1, { b: null }] }, label: 'work' }] })
  await using client = openClerk(server)
  expect((await client.accounts(['user_1'])).get('user_1')).toEqual([
    {
      id: 'eac_user_1_0',
      provider: 'github',
      provider_user_id: 'invented-provider-user-0',
      email_address: 'user_1@example.invalid',
      username: 'invented-user_1',
      first_name: 'Invented',
      last_name: 'Person',
      image_url: 'https://images.example.invalid/1.png',
      label: 'work',
      approved_scopes: ['read:user', 'user:email'],
      public_metadata: { a: [1, { b: null }] },
      created_at: 1_767_225_600,
      updated_at: 1_767_225_601,
      needs_reauthorization: false,
    },
  ])
})

test.each([
  ['google_account', 'google_id', 'google'],
  ['facebook_account', 'facebook_id', 'facebook'],
])('a %s: the eac_ id, the provider and the older names', async (object, provider_id, provider) => {
  const row = {
    object,
    id: 'idn_invented',
    external_account_id: 'eac_invented',
    [provider_id]: '1099',
    approved_scopes: 'email  profile ',
    email_address: 'user_1@example.invalid',
    given_name: 'Given',
    family_name: 'Family',
    picture: 'https://images.example.invalid/2.png',
    username: null,
  }
  await using server = await startClerk()
  server.addUser('user_1').external_accounts = [row]
  await using client = openClerk(server)
  expect((await client.accounts(['user_1'])).get('user_1')).toEqual([
    {
      id: 'eac_invented',
      provider,
      provider_user_id: '1099',
      email_address: 'user_1@example.invalid',
      username: null,
      first_name: 'Given',
      last_name: 'Family',
      image_url: 'https://images.example.invalid/2.png',
      label: null,
      approved_scopes: ['email', 'profile'],
      public_metadata: {},
      created_at: null,
      updated_at: null,
      needs_reauthorization: false,
    },
  ])
})

test.each([
  ['', []],
  ['email', ['email']],
  [undefined, null],
])('approved_scopes %j', async (sent, approved_scopes) => {
  await using server = await startClerk()
  server.addUser('user_1').external_accounts = [{ ...inventAccount('user_1', 0), approved_scopes: sent }]
  await using client = openClerk(server)
  expect((await client.accounts(['user_1'])).get('user_1')).toMatchObject([{ approved_scopes }])
})

const deep = JSON.parse('{"a":'.repeat(500) + '1' + '}'.repeat(500)) as object
test.each([
  ['scopes that are numbers', { approved_scopes: [1] }, { approved_scopes: null }],
  ['a time that is a word', { created_at: 'today' }, { created_at: null }],
  ['metadata without a bottom', { public_metadata: deep }, { public_metadata: {} }],
  ['a name that is a list', { first_name: ['a', 'b'] }, { first_name: null }],
])('%s costs no account', async (_, sent, expected) => {
  await using server = await startClerk()
  const [fine, odd] = [inventAccount('user_1', 0), { ...inventAccount('user_1', 1), ...sent }]
  server.addUser('user_1').external_accounts = [fine, { ...fine, id: 7 }, odd]
  await using client = openClerk(server)
  const found = (await client.accounts(['user_1'])).get('user_1')
  expect(found).toMatchObject([{ id: fine.id }, { id: odd.id, ...expected }])
})

describe('a malformed user fails only itself', () => {
  test.each([
    ['no list of accounts', undefined],
    ['accounts that are an object', {}],
    ['an account without an id', [{ ...inventAccount('user_1', 0), id: undefined }]],
    ['an account without a provider', [{ ...inventAccount('user_1', 0), provider: undefined }]],
    ['an account that is null', [null]],
  ])('%s', async (_, external_accounts) => {
    await using server = await startClerk()
    server.addUser('user_1').external_accounts = external_accounts
    server.addUser('user_2', { accounts: [{}] })
    await using client = openClerk(server)
    const found = await client.accounts(['user_1', 'user_2', 'user_3'])
    expect(found.get('user_1')).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
    expect(found.get('user_2')).toHaveLength(1)
    expect(found.has('user_3')).toBe(false)
  })

  test('a row without an id may be any missing user: those fail and are not unknown', async () => {
    await using server = await startClerk()
    server.misbehave(answers(200, [server.addUser('user_1'), null]))
    await using client = openClerk(server)
    const found = await client.accounts(['user_1', 'user_2'])
    expect(found.get('user_1')).toEqual([])
    expect(found.get('user_2')).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
  })
})

test.each([
  [200, { data: [] }, 'UPSTREAM_PROTOCOL_ERROR'],
  [200, null, 'UPSTREAM_PROTOCOL_ERROR'],
  [422, { errors: [{ code: 'form_param_value_invalid', meta: { param_name: 'user_id' } }] }, 'BAD_USER_INPUT'],
  [422, { errors: [{ code: 'form_param_value_invalid' }] }, 'UPSTREAM_REJECTED'],
  [503, '', 'UPSTREAM_UNAVAILABLE'],
])('an answer %d %j fails every key with %s', async (status, body, code) => {
  await using server = await startClerk()
  server.misbehave(answers(status, body))
  await using client = openClerk(server)
  const found = await client.accounts(['user_1', 'user_2'])
  expect([found.get('user_1'), found.get('user_2')]).toMatchObject([{ code }, { code }])
})

test('users that are too large together are asked for in parts, and a user that is too large fails only itself', async () => {
  await using server = await startClerk()
  const fields = (kib: number) => ({ public_metadata: { invented: 'a'.repeat(kib * 1024) } })
  const sizes = [300, 300, 300, 300, 1100, 10]
  for (const [n, kib] of sizes.entries()) server.addUser(`user_${String(n)}`, { accounts: [fields(kib)] })
  await using client = openClerk(server)
  const found = await client.accounts(sizes.map((_, n) => `user_${String(n)}`))
  expect(found.get('user_4')).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
  for (const n of [0, 1, 2, 3, 5]) expect(found.get(`user_${String(n)}`)).toHaveLength(1)
  expect(server.calls.length).toBeLessThanOrEqual(9)
})
