import { expect, test } from 'vitest'
import { messages, startDoor } from './support.ts'

const bad = 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }'

test('at most 10 errors are answered, and one that says how many more there were', async () => {
  await using door = await startDoor()
  const ten = await door.send(bad, { variables: { r: new Array(10).fill(0) } })
  expect(ten.answer.errors).toHaveLength(10)
  const more = await door.send(bad, { variables: { r: new Array(13).fill(0) } })
  expect(more.answer.errors).toHaveLength(11)
  expect(more.answer.errors?.at(-1)).toStrictEqual({
    message: 'Further errors were left out: 3.',
    extensions: { code: 'BAD_USER_INPUT', request_id: expect.any(String) as string },
  })
  expect(more.answer.data).toStrictEqual({ _entities: new Array(13).fill(null) })
})

test('each key that failed has an error of its own', async () => {
  await using door = await startDoor()
  const ids = Array.from({ length: 100 }, (_, n) => `ghost_${String(n)}`)
  const query =
    'query ($ids: [ID!]!) { users(ids: $ids) { a: oauth_access_tokens(provider: "google") { token } b: oauth_access_tokens(provider: "github") { token } } }'
  for (let round = 0; round < 4; round++) {
    const { answer } = await door.send(query, { variables: { ids }, bearer: door.plainKey })
    expect(answer.errors).toHaveLength(200)
    expect(answer.errors?.map(({ extensions: { code } }) => code)).toEqual(new Array(200).fill('USER_NOT_FOUND'))
    expect(answer.errors?.map(({ path }) => path?.join('.'))).toEqual(
      ['a', 'b'].flatMap((field) => ids.map((_, n) => `users.${String(n)}.${field}`)),
    )
  }
})

test('validation ends after 5 mistakes', async () => {
  await using door = await startDoor()
  const { answer } = await door.send('{ a b c d e f g h i j }')
  expect(answer.errors).toHaveLength(6)
  expect(messages(answer).at(-1)).toBe('Too many validation errors, error limit reached. Validation aborted.')
  expect(new Set(answer.errors?.map((error) => error.extensions.code))).toStrictEqual(
    new Set(['GRAPHQL_VALIDATION_FAILED']),
  )
})

test('both are configurable', async () => {
  await using door = await startDoor({ limits: { errors: 1, validation_errors: 2 } })
  expect((await door.send('{ a b c d }')).answer.errors).toHaveLength(3)
  expect((await door.send(bad, { variables: { r: [0, 0, 0] } })).answer.errors).toHaveLength(2)
})

test('a message does not grow with the name that it quotes', async () => {
  await using door = await startDoor()
  const { answer } = await door.send(`{ ${'a'.repeat(30_000)} }`)
  expect(messages(answer)[0]?.length).toBe(300)
})
