/**
 * Recovering the schema without introspection, as Clairvoyance does: thousands of guessed names are sent as fields,
 * arguments, types and directives, and no answer may contain a name of the schema that was not sent.
 */
import { isEnumType, isObjectType, isSpecifiedScalarType } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { schema } from '../../src/schema/index.ts'
import { guesses } from './guesses.ts'
import { messages, startDoor } from './support.ts'
import type { Door } from './support.ts'

let door: Door
beforeAll(async () => {
  // So much room that each guess has an answer of its own.
  door = await startDoor({ limits: { root_fields: 100, validation_errors: 100, errors: 100 } })
})
afterAll(() => door[Symbol.asyncDispose]())

/** Every name of the schema but those of GraphQL itself. */
const secretNames = new Set(
  Object.values(schema.getTypeMap())
    .filter((type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type))
    .flatMap((type) => [
      type.name,
      ...(isEnumType(type) ? type.getValues().map((value) => value.name) : []),
      ...(isObjectType(type)
        ? Object.values(type.getFields()).flatMap((field) => [
            field.name,
            ...field.args.map((argument) => argument.name),
          ])
        : []),
    ]),
)

const wordsOf = (text: string) => text.match(/[_A-Za-z][_0-9A-Za-z]*/g) ?? []

/** The names of the schema that stand between quotation marks of an error and were not sent: GraphQL quotes every name. */
function revealed(errors: readonly string[], sent: string): string[] {
  const known = new Set(wordsOf(sent))
  return errors
    .flatMap((message) => message.match(/"(?:\\.|[^"\\])*"/g) ?? [])
    .flatMap(wordsOf)
    .filter((word) => secretNames.has(word) && !known.has(word))
}

const chunks = Array.from({ length: Math.ceil(guesses.length / 90) }, (_, n) => guesses.slice(n * 90, n * 90 + 90))

/** Operations that ask about 90 names at once. Known names lead into the schema as an attacker's findings would. */
const questions: Readonly<Record<string, (names: readonly string[]) => string>> = {
  'root fields': (names) => `{ ${names.join(' ')} }`,
  'fields of a known type': (names) => `{ user(id: "u") { ${names.join(' ')} } }`,
  'fields below a known field': (names) =>
    `{ me { oauth_connections { oauth_access_tokens { ${names.join(' ')} } } } }`,
  arguments: (names) => `{ user(${names.map((name) => `${name}: 1`).join(' ')}) { id } }`,
  'types of variables': (names) =>
    `query (${names.map((name, n) => `$v${String(n)}: ${name}`).join(' ')}) { __typename }`,
  'types of fragments': (names) => `{ __typename ${names.map((name) => `... on ${name} { x }`).join(' ')} }`,
}

describe('a dictionary attack', () => {
  test('has a dictionary with most of the schema in it', () => {
    expect(guesses.length).toBeGreaterThan(5000)
    const guessed = new Set(guesses)
    expect([...secretNames].filter((name) => guessed.has(name)).length).toBeGreaterThan(secretNames.size / 3)
  })

  test.each(Object.entries(questions))('learns nothing that it did not send: %s', async (_, question) => {
    const found: string[] = []
    let answered = 0
    for (const names of chunks) {
      const sent = question(names)
      const { answer } = await door.send(sent)
      answered += answer.errors?.length ?? 0
      found.push(...revealed(messages(answer), sent))
    }
    expect(found).toStrictEqual([])
    expect(answered).toBeGreaterThan(chunks.length)
  })

  test('would learn much where the schema is shown', async () => {
    const sent = '{ usr user { id } users me { x oauth_conection } }'
    const { answer } = await door.send(sent, { bearer: door.server.key })
    expect(revealed(messages(answer), sent)).not.toStrictEqual([])
  })
})

/** What graphql says beside a mistake in an operation whose names are right. */
test.each([
  '{ user { id } }',
  '{ user(id: {}) { id } }',
  '{ user(id: "u") }',
  '{ users(ids: "u") { id { x } } }',
  '{ user(id: "u") { oauth_access_tokens { token } } }',
  '{ user(id: "u") { oauth_access_tokens(provider: 5, min_validity_seconds: "x") { token } } }',
  'query ($x: Int) { user(id: $x) { id } }',
  '{ user(id: "u") { ...F } } fragment F on Query { me { id } }',
  'mutation { x }',
  'subscription { x }',
  '{ _entities(representations: [1]) { x } }',
  '{ user(id: "u") { oauth_connection(provider: "g") { status { x } } } }',
  '{ a: user(id: "u") { id } a: me { id } }',
])('%s reveals no name', async (query) => {
  const { answer } = await door.send(query)
  expect(answer.errors).not.toBeUndefined()
  expect(revealed(messages(answer), query)).toStrictEqual([])
})

test.each(['"', '\\"', 'x" on type "', '\\'])('a quotation mark in a value hides nothing: %s', async (id) => {
  const query =
    'query ($ids: [ID!]!, $n: Int, $p: String!) { users(ids: $ids) { oauth_access_tokens(provider: $p, min_validity_seconds: $n) { label } } }'
  const { answer } = await door.send(query, { variables: { ids: [{ [id]: id }], n: id, p: [id] } })
  expect(answer.errors).not.toBeUndefined()
  expect(revealed(messages(answer), query)).toStrictEqual([])
})
