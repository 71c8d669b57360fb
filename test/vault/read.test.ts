/** Batched reads: what a statement answers for its keys, and how many statements there are. */
import { expect, test } from 'vitest'
import { reveal } from '../../src/lib/secret.ts'
import { wireProvider } from '../../src/tokens/ids.ts'
import { readStatements } from '../../src/upstreams/vault/store/read.ts'
import { sqliteDialect } from '../../src/upstreams/vault/store/sqlite.ts'
import { callOf, importText, keyOf, newVault, open, openUpstream, record, tamper, texts, toLines } from './helpers.ts'

async function filled(records: readonly unknown[]) {
  const options = newVault()
  const { code, err } = await importText(await open(options), toLines(records))
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return { options, ...openUpstream(options) }
}

test('200 keys are one statement, and every key is answered', async () => {
  const users = Array.from({ length: 100 }, (_, index) => `user_${String(index)}`)
  const keys = users.flatMap((userId) => [keyOf(userId, 'google'), keyOf(userId, 'github')])
  const stored = keys.map(({ userId, provider }) =>
    record({ user_id: userId, provider: wireProvider(provider), token: `invented-${userId}-${provider}` }),
  )
  const { tokens, call, events } = await filled(stored)
  const answers = await tokens.many(keys, call)
  expect(keys.map((key) => texts(answers.get(tokens.id(key))))).toEqual(
    keys.map(({ userId, provider }) => [`invented-${userId}-${provider}`]),
  )
  expect(events).toMatchObject([{ upstream: 'tokens', operation: 'select tokens', keys: 200, outcome: 'ok' }])
})

test('20,000 keys are one statement for each chunk of `max`', async () => {
  const { tokens, call, events } = await filled([record({ user_id: 'user_19999' })])
  const keys = Array.from({ length: 20_000 }, (_, index) => keyOf(`user_${String(index)}`))
  let found = 0
  for (let from = 0; from < keys.length; from += tokens.max) {
    const answers = await tokens.many(keys.slice(from, from + tokens.max), call)
    for (const answer of answers.values()) found += answer instanceof Error ? Number.NaN : answer.length
  }
  expect(found).toBe(1)
  expect(events.map((event) => event.keys)).toEqual([10_000, 10_000])
})

test('both statements search by the primary key, whatever the number of keys', async () => {
  const { options } = await filled([record()])
  const plan = (sql: string) => tamper(options, `EXPLAIN QUERY PLAN ${sql}`, { $1: '[]' }).map((step) => step.detail)
  expect(plan(readStatements(sqliteDialect).grants)).toContain(
    'SEARCH accounts USING INDEX sqlite_autoindex_accounts_2 (user_id=? AND provider=?)',
  )
  expect(plan(readStatements(sqliteDialect).profiles)).toContain(
    'SEARCH accounts USING INDEX sqlite_autoindex_accounts_2 (user_id=?)',
  )
})

test('answers keys without an account, repeated keys and names that are not providers', async () => {
  const { tokens, call } = await filled([record()])
  const keys = ['google', 'github', 'not a provider', 'oauth_google'].map((provider) => keyOf('user_1', provider))
  const answers = await tokens.many([...keys, ...keys], call)
  expect(keys.map((key) => texts(answers.get(tokens.id(key))))).toEqual([['invented-token-1'], [], [], []])
})

test('several accounts at one provider come in the order in which they were added, then by id', async () => {
  const { options, read } = await filled([
    record({ external_account_id: 'eac_b', token: 'invented-b' }),
    record({ external_account_id: 'eac_c', token: 'invented-c' }),
    record({ external_account_id: 'eac_a', token: 'invented-a' }),
  ])
  expect(texts(await read('user_1'))).toEqual(['invented-a', 'invented-b', 'invented-c'])
  tamper(options, "UPDATE accounts SET created_at = 1 WHERE external_account_id = 'eac_c'")
  expect(texts(await read('user_1'))).toEqual(['invented-c', 'invented-a', 'invented-b'])
})

test('an expired token is returned with its true expiry', async () => {
  const { read } = await filled([record({ expires_at: 1_000_000_000 })])
  expect(await read('user_1')).toMatchObject([{ expires_at: 1_000_000_000 }])
})

test('connected accounts of users are one statement and hold no secret', async () => {
  const profile = { email_address: 'ada@example.com', username: 'ada', first_name: 'Ada', last_name: 'L' }
  const { accounts, call, events } = await filled([
    record({ ...profile, image_url: 'https://example.com/ada.png', label: 'work', public_metadata: { team: 1 } }),
    record({ provider: 'oauth_x', external_account_id: 'eac_2', scopes: null, token_secret: 'invented-secret' }),
  ])
  const answers = await accounts.many(['user_1', 'user_2'], call)
  expect(answers.get('user_2')).toEqual([])
  const found = answers.get('user_1') as unknown as Record<string, unknown>[]
  expect(found.map((account) => account.id)).toEqual(['eac_1', 'eac_2'])
  expect(found[0]).toMatchObject({
    ...profile,
    label: 'work',
    approved_scopes: ['email'],
    public_metadata: { team: 1 },
  })
  expect(found[1]).toMatchObject({
    approved_scopes: null,
    email_address: null,
    created_at: expect.any(Number) as number,
  })
  expect(Object.keys(found[0] ?? {})).not.toContain('token')
  expect(events.map((event) => event.operation)).toEqual(['select accounts'])
})

test('a database that fails as a whole is UPSTREAM_UNAVAILABLE and is reported', async () => {
  const { upstream, tokens, call, events } = await filled([record()])
  await upstream.close()
  await expect(tokens.many([keyOf('user_1')], call)).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
    message: 'The vault could not be read.',
  })
  expect(events).toMatchObject([{ operation: 'select tokens', outcome: 'error' }])
})

test('an aborted call runs no statement', async () => {
  const { tokens, events } = await filled([record()])
  await expect(tokens.many([keyOf('user_1')], callOf(AbortSignal.abort()))).rejects.toMatchObject({
    name: 'AbortError',
  })
  expect(events).toEqual([])
})

test('text that looks like a ciphertext, a key or hexadecimal is returned as it is', async () => {
  const shapes = ['da39a3ee5e6b4b0d3255bfef95601890afd80709', '\u0020AQ==', '{"v":1}', 'v1:k1:abcdef']
  const { read } = await filled(
    shapes.map((token, index) => record({ token, external_account_id: `eac_${String(index)}` })),
  )
  const answer = await read('user_1')
  expect(texts(answer)).toEqual(shapes)
  expect(answer instanceof Error ? [] : answer?.map((each) => reveal(each.token).length)).toEqual([40, 5, 7, 12])
})
