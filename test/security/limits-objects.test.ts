/** What aliases and lists multiply to (docs/promises.md S17). */
import { parse } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countObjects } from '../../src/server/limits/documents.ts'
import { messages, startDoor } from './support.ts'
import type { Door } from './support.ts'

const count = (text: string, variables: Record<string, unknown> = {}, name?: string) =>
  countObjects(parse(text), name, variables)

describe('counted are fields with a selection, times the entries of lists', () => {
  test.each<[string, number, Record<string, unknown>?]>([
    ['{ a { b { c } } d }', 2],
    ['{ a(ids: [1, 2, 3]) { b { c } } }', 6],
    ['query ($ids: [ID!]) { a(ids: $ids, x: "y") { b(ids: $ids) { c } } }', 2 + 2 * 2, { ids: [1, 2] }],
    ['query ($ids: [ID!] = [1, 2, 3]) { a(ids: $ids) { b } }', 3],
    ['query ($ids: [ID!] = [1, 2, 3]) { a(ids: $ids) { b } }', 1, { ids: [1] }],
    ['query ($ids: [ID!] = [1, 2, 3]) { a(ids: $ids) { b } }', 1, { ids: 'one' }],
    ['query ($toString: [ID!]) { a(ids: $toString) { b } }', 1],
    ['{ a(ids: []) { b } }', 1],
    ['{ a(ids: [1, 2]) { ...F ... on T { ...F } } } fragment F on T { b { c } }', 2 * (1 + 2)],
  ])('%s: %i', (text, expected, variables) => {
    expect(count(text, variables)).toBe(expected)
  })

  test('of the operation that is executed', () => {
    expect(count('query A { a } query B { a { b } }', {}, 'B')).toBe(1)
    expect(count('query A { a { b } } query B { a }')).toBe(0)
  })
})

describe('an operation', () => {
  let door: Door
  beforeAll(async () => {
    door = await startDoor()
  })
  afterAll(() => door[Symbol.asyncDispose]())

  const refusal = 'The operation asks for too many objects: at most 1000.'
  const entities = (aliases: number) =>
    `query ($r: [_Any!]!) { ${Array.from({ length: aliases }, (_, n) => `a${String(n)}: _entities(representations: $r) { __typename }`).join(' ')} }`

  test('may ask for 1,000 objects', async () => {
    const { answer } = await door.send(entities(10), { variables: { r: new Array(100).fill(0) } })
    expect(messages(answer)).not.toContain(refusal)
  })

  test('is refused as a whole beyond them, before a platform is called', async () => {
    const ids = Array.from({ length: 100 }, (_, n) => `user_${String(n)}`)
    const providers = ids.map((id) => `oauth_custom_${id}`)
    const query =
      'query ($ids: [ID!]!, $p: [String!]) { users(ids: $ids) { oauth_connections(providers: $p) { status } } }'
    const { answer } = await door.send(query, { bearer: door.plainKey, variables: { ids, p: providers } })
    expect(answer).toStrictEqual({
      errors: [{ message: refusal, extensions: { code: 'BAD_USER_INPUT', request_id: expect.any(String) as string } }],
    })
    expect(door.clerk.calls).toHaveLength(0)
  })

  test('that is refused so is a bad request', async () => {
    const body = JSON.stringify({ query: entities(20), variables: { r: new Array(1000).fill(0) } })
    const response = await door.server.post(body, { accept: 'application/graphql-response+json' })
    expect(response.status).toBe(400)
  })
})
