/** The limits of one operation at their defaults: what is at the limit passes to validation, one more does not. */
import { getIntrospectionQuery } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { messages, startDoor } from './support.ts'
import type { Door } from './support.ts'

let door: Door
beforeAll(async () => {
  door = await startDoor()
})
afterAll(() => door[Symbol.asyncDispose]())

const many = (count: number, part: (n: number) => string) => Array.from({ length: count }, (_, n) => part(n)).join(' ')
const inOneField = (inside: string) => `{ a { ${inside} } }`

/** What each limit allows, an operation that asks for so much, and the refusal of more. */
const limits: readonly [string, number, (count: number) => string, string][] = [
  ['tokens', 1000, (n) => `{ a(b: [${many(n - 9, () => '1')}]) }`, 'The operation is too long: at most 1000 tokens.'],
  ['depth', 8, (n) => `${'{a'.repeat(n)}${'}'.repeat(n)}`, 'The operation is too deep: at most 8 levels.'],
  [
    'aliases',
    30,
    (n) => inOneField(many(n, (i) => `a${String(i)}: __typename`)),
    'The operation has too many aliases: at most 30.',
  ],
  ['directives', 10, (n) => `{ a ${many(n, () => '@a')} }`, 'The operation has too many directives: at most 10.'],
  ['fields', 250, (n) => inOneField(many(n - 1, () => 'b')), 'The operation selects too many fields: at most 250.'],
  [
    'root fields',
    20,
    (n) => `{ ${many(n, () => '__typename')} }`,
    'The operation selects too many root fields: at most 20.',
  ],
]

describe.each(limits)('%s', (_, max, operation, refusal) => {
  test('passes at the limit', async () => {
    const { answer } = await door.send(operation(max))
    expect(messages(answer)).not.toContain(refusal)
  })

  test('is refused beyond it, as a whole and before validation, the second time as well', async () => {
    for (let time = 0; time < 2; time++) {
      const { answer } = await door.send(operation(max + 1))
      expect(answer).toStrictEqual({
        errors: [
          { message: refusal, extensions: { code: 'BAD_USER_INPUT', request_id: expect.any(String) as string } },
        ],
      })
    }
  })
})

test('fragments do not hide what they multiply', async () => {
  const doubled = Array.from(
    { length: 40 },
    (_, n) => `fragment F${String(n)} on T { ...F${String(n + 1)} ...F${String(n + 1)} }`,
  )
  const { answer } = await door.send(`{ a { ...F0 } } ${doubled.join(' ')} fragment F40 on T { b }`)
  expect(messages(answer)).toStrictEqual(['The operation selects too many fields: at most 250.'])
})

test('answers a refusal with 400 where the caller can tell it from a transport error', async () => {
  const headers = { accept: 'application/graphql-response+json' }
  const response = await door.server.post(JSON.stringify({ query: '{a'.repeat(9) + '}'.repeat(9) }), headers)
  expect(response.status).toBe(400)
})

describe('introspection', () => {
  const query = getIntrospectionQuery({
    descriptions: true,
    oneOf: true,
    inputValueDeprecation: true,
    schemaDescription: true,
  })

  test('works for callers who may see the schema', async () => {
    const { answer } = await door.send(query, { bearer: door.server.key })
    expect(answer.errors).toBeUndefined()
    expect(answer.data).toHaveProperty('__schema.types')
  })

  test('is refused to all others, also after it was answered', async () => {
    for (const bearer of [door.plainKey, undefined]) {
      const { answer } = await door.send(query, bearer === undefined ? {} : { bearer })
      expect(answer.data).toBeUndefined()
      expect(messages(answer)[0]).toMatch(/^GraphQL introspection has been disabled/)
    }
  })

  test('has a limit of its own', async () => {
    const deep = `{ __schema { types { ${'ofType {'.repeat(20)} name ${'}'.repeat(20)} } } }`
    const { answer } = await door.send(deep, { bearer: door.server.key })
    expect(messages(answer)).toStrictEqual(['The introspection is too deep: at most 20 levels.'])
  })

  test('leaves _service to those with a grant', async () => {
    const codes = await Promise.all(
      [door.server.key, door.plainKey, undefined].map(async (bearer) => {
        const { answer } = await door.send('{ _service { sdl } }', bearer === undefined ? {} : { bearer })
        return answer.errors?.[0]?.extensions.code
      }),
    )
    expect(codes).toStrictEqual([undefined, 'FORBIDDEN', 'UNAUTHENTICATED'])
  })
})
