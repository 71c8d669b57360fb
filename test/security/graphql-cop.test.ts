/**
 * The checks of graphql-cop (github.com/dolevf/graphql-cop, lib/tests), all 13 with the one that its list leaves out,
 * with its operations and its judgements, and a sharper variant where its judgement is easy to satisfy by accident.
 * Yoga's defaults have 7 findings; the promise is 0 (docs/promises.md S4).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDoor } from './support.ts'
import type { Door } from './support.ts'

let door: Door
let graph: string
beforeAll(async () => {
  door = await startDoor()
  graph = `${door.server.url}/graphql`
})
afterAll(() => door[Symbol.asyncDispose]())

interface Reply {
  readonly text: string
  /** The parsed body; null where it is no JSON. */
  readonly body: unknown
}

async function read(response: Response): Promise<Reply> {
  const text = await response.text()
  try {
    return { text, body: JSON.parse(text) as unknown }
  } catch {
    return { text, body: null }
  }
}

const headers = { 'content-type': 'application/json' }
const post = async (body: unknown) => read(await fetch(graph, { method: 'POST', headers, body: JSON.stringify(body) }))
const ask = (query: string) => post({ query, operationName: 'cop' })
const get = async (query: string) => read(await fetch(`${graph}?${new URLSearchParams({ query }).toString()}`))

/** The value at a path of keys, or undefined. */
const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((inside, key) => (inside as Record<string | number, unknown> | null | undefined)?.[key], value)
const length = (value: unknown): number => (Array.isArray(value) ? value.length : 0)
const repeat = (count: number, part: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => part(n)).join(' ')

/** Each answers whether there is a finding. */
const checks: Readonly<Record<string, () => Promise<boolean>>> = {
  'field suggestions': async () =>
    String(at((await ask('query cop { __schema { directive } }')).body, 'errors', 0, 'message')).includes(
      'Did you mean',
    ),
  'field suggestions outside introspection': async () =>
    (await ask('query cop { usr { id } users }')).text.includes('Did you mean'),
  introspection: async () =>
    Boolean(
      at((await ask('query cop { __schema { types { name fields { name } } } }')).body, 'data', '__schema', 'types'),
    ),
  'introspection of one type': async () =>
    Boolean(at((await ask('query cop { __type(name: "User") { name } }')).body, 'data', '__type')),
  'a page for developers': async () =>
    /graphiql\.min\.css|GraphQL Playground|GraphiQL|graphql-playground|<html/i.test(
      (await read(await fetch(graph, { headers: { accept: 'text/html' } }))).text,
    ),
  'queries by GET': async () => Boolean(at((await get('query cop {__typename}')).body, 'data', '__typename')),
  'mutations by GET': async () => Boolean(at((await get('mutation cop {__typename}')).body, 'data', '__typename')),
  'alias overloading': async () =>
    Boolean(
      at((await ask(`query cop { ${repeat(101, (n) => `alias${String(n)}:__typename`)} }`)).body, 'data', 'alias100'),
    ),
  'array batching': async () =>
    length((await post(new Array(10).fill({ query: 'query cop { __typename }' }))).body) >= 10,
  tracing: async () => (await ask('query cop { __typename }')).text.includes('tracing'),
  'directive overloading': async () =>
    length(at((await ask(`query cop { __typename ${'@aa'.repeat(10)} }`)).body, 'errors')) === 10,
  'directive overloading with different names': async () =>
    length(at((await ask(`query cop { __typename ${repeat(10, (n) => `@a${String(n)}`)} }`)).body, 'errors')) >= 10,
  'directive overloading a hundredfold': async () =>
    length(at((await ask(`query cop { __typename ${'@aa'.repeat(100)} }`)).body, 'errors')) > 1,
  'circular introspection': async () =>
    at(
      (await ask(`query cop { __schema { types { ${'fields { type { '.repeat(4)} name ${'} } '.repeat(4)} } } }`)).body,
      'data',
      '__schema',
    ) !== undefined,
  'forms by POST': async () =>
    Boolean(
      at(
        (
          await read(
            await fetch(graph, { method: 'POST', body: new URLSearchParams({ query: 'query cop { __typename }' }) }),
          )
        ).body,
        'data',
        '__typename',
      ),
    ),
  'unhandled errors': async () =>
    /exception|stack|node_modules|\.js|\.ts/i.test((await ask('qwerty cop { abc }')).text),
  'field duplication': async () =>
    Boolean(at((await ask(`query cop { ${'__typename '.repeat(500)} }`)).body, 'data', '__typename')),
}

describe('graphql-cop', () => {
  test.each(Object.entries(checks))('no finding: %s', async (_, check) => {
    expect(await check()).toBe(false)
  })

  test('the target is one that answers', async () => {
    expect((await ask('query cop { __typename }')).body).toStrictEqual({ data: { __typename: 'Query' } })
  })
})

/** In development the schema is shown on purpose: the checks do find what they look for. */
test('the checks see what they look for', async () => {
  await using open = await startDoor({
    mode: 'development',
    limits: { aliases: 200, root_fields: 1000, fields: 1000, tokens: 2000 },
  })
  const closed = graph
  graph = `${open.server.url}/graphql`
  const found = await Promise.all(Object.entries(checks).map(async ([name, check]) => ((await check()) ? [name] : [])))
  graph = closed
  expect(found.flat()).toStrictEqual([
    'field suggestions',
    'field suggestions outside introspection',
    'introspection',
    'introspection of one type',
    'alias overloading',
    'field duplication',
  ])
})
