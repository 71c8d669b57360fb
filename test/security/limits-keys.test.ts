/** Token keys: how many an operation and a caller may ask for (docs/promises.md S17). */
import { expect, test } from 'vitest'
import { createCallerRate, defaultAllowance } from '../../src/tokens/loaders.ts'
import { startDoor } from './support.ts'

const query = `query ($ids: [ID!]!) { users(ids: $ids) { oauth_access_tokens(provider: "google") { label } } }`
const ids = (count: number, from = 1) => Array.from({ length: count }, (_, n) => `user_${String(from + n)}`)

test('keys beyond the limit of the operation are refused without a call; the others are answered', async () => {
  await using door = await startDoor({ limits: { token_reads: 5 } })
  for (const id of ids(8)) door.clerk.addTokens(id, 'oauth_google', 1)
  const { answer } = await door.send(query, { bearer: door.plainKey, variables: { ids: ids(8) } })
  expect(door.clerk.calls).toHaveLength(5)
  expect(
    (answer.data!.users as { oauth_access_tokens: unknown }[]).map((user) => user.oauth_access_tokens === null),
  ).toStrictEqual([...new Array<boolean>(5).fill(false), ...new Array<boolean>(3).fill(true)])
  expect(answer.errors).toHaveLength(3)
  expect(answer.errors?.[0]).toMatchObject({
    message: 'The operation asks for too many token keys: at most 5.',
    extensions: { code: 'BAD_USER_INPUT', retryable: false },
  })
})

test('equal keys count once, those of aliases together', async () => {
  await using door = await startDoor({ limits: { token_reads: 2 } })
  door.clerk.addTokens('user_2', 'oauth_google', 1)
  const field = 'oauth_access_tokens(provider: "google") { label }'
  const { answer } = await door.send(
    `{ a: user(id: "user_1") { ${field} } b: user(id: "user_1") { ${field} } c: user(id: "user_2") { ${field} x: external_accounts { id } } }`,
    { bearer: door.plainKey },
  )
  expect(answer.errors).toMatchObject([{ path: ['c', 'x'], extensions: { code: 'BAD_USER_INPUT' } }])
})

test('a caller who asks too fast waits; another one does not', async () => {
  await using door = await startDoor({ limits: { caller_rate: { burst: 4, per_second: 0.001 } } })
  for (const id of ids(4)) door.clerk.addTokens(id, 'oauth_google', 1)
  const ask = (bearer: string, count: number) => door.send(query, { bearer, variables: { ids: ids(count) } })
  expect((await ask(door.plainKey, 3)).answer.errors).toBeUndefined()
  const { answer, status } = await ask(door.plainKey, 2)
  expect(status).toBe(200)
  expect(answer.errors).toMatchObject([
    {
      message: 'This caller asks for too many token keys in a short time.',
      path: ['users', 1, 'oauth_access_tokens'],
      extensions: { code: 'OVERLOADED', retryable: true },
    },
  ])
  expect(answer.errors?.[0]?.extensions.retry_after_ms).toBeGreaterThan(900_000)
  expect((await ask(door.server.key, 4)).answer.errors).toBeUndefined()
})

test('the allowance of a caller fills up again, to the burst and no further', () => {
  let now = 0
  const take = createCallerRate({ burst: 2, perSecond: 10 }, () => now)
  expect([take('a'), take('a'), take('a')]).toStrictEqual([null, null, 100])
  now = 50
  expect(take('a')).toBe(50)
  now = 100
  expect(take('a')).toBeNull()
  now = 10_000
  expect([take('a'), take('a'), take('a')]).toStrictEqual([null, null, 100])
})

test('callers are forgotten when there are too many, the quietest first', () => {
  const take = createCallerRate({ burst: 1, perSecond: 0.001 }, () => 0)
  expect([take('first'), take('second')]).toStrictEqual([null, null])
  for (let n = 0; n < 9999; n++) {
    take(`caller ${String(n)}`)
    expect(take('second')).not.toBeNull()
  }
  expect(take('first')).toBeNull()
})

test.each([
  ['a service', 'service', [{ requests: 1000, perSeconds: 10 }], { burst: 10_000, perSecond: 1000 }],
  ['a user where no limit is known', 'user', [], { burst: 10_000, perSecond: 1000 }],
  ['a user at Clerk', 'user', [{ requests: 1000, perSeconds: 10 }], { burst: 1000, perSecond: 100 }],
  [
    'a user at a platform with a small limit',
    'user',
    [{ requests: 200, perSeconds: 60 }],
    { burst: 1000, perSecond: 100 },
  ],
  [
    'a user at two platforms',
    'user',
    [
      { requests: 3000, perSeconds: 10 },
      { requests: 2000, perSeconds: 5 },
    ],
    { burst: 5000, perSecond: 700 },
  ],
  [
    'a user at a platform without a bound',
    'user',
    [{ requests: 1_000_000, perSeconds: 1 }],
    { burst: 10_000, perSecond: 1000 },
  ],
] as const)('the allowance of %s follows the rate limits behind it', (_, kind, rates, expected) => {
  expect(defaultAllowance(kind, rates)).toEqual(expected)
})
