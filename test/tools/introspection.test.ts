/** `tokengraph schema --introspection`: the schema for tools that read JSON. */
import { readFileSync } from 'node:fs'
import { buildClientSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } from 'graphql'
import type { IntrospectionQuery } from 'graphql'
import { expect, test } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'
import { startTestServer } from '../kit/server.ts'
import { printed } from './project.ts'

const sdl = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8')

test('says the same as schema.graphql', async () => {
  using folder = makeFolder()
  const { code, stdout, stderr } = await run(['schema', '--introspection'], { cwd: folder.path })
  expect([code, stderr]).toStrictEqual([0, ''])
  const schema = buildClientSchema(JSON.parse(stdout) as IntrospectionQuery)
  expect(`${printSchema(lexicographicSortSchema(schema))}\n`).toBe(sdl)
  expect(printed({ introspection: true })).toBe(stdout)
})

test('a running server shows the same without the names of federation, where they are left out', async () => {
  const upstreams = { clerk: { platform: 'clerk', secret_key: 'sk_test_invented_key' } }
  await using plain = await startTestServer({ file: { upstreams } })
  await using server = await startTestServer({ file: { upstreams, subgraph: { introspection: false } } })
  const schemaOf = async ({ ask }: typeof server): Promise<string> => {
    const { data } = await ask(getIntrospectionQuery({ specifiedByUrl: true }))
    return `${printSchema(lexicographicSortSchema(buildClientSchema(data as unknown as IntrospectionQuery)))}\n`
  }
  expect(await schemaOf(server)).toBe(sdl)
  expect(await schemaOf(plain)).toContain('_entities(')

  // Gateways are answered as before, and so is what asks for more than the schema.
  const representations = '[{ __typename: "User", id: "user_1" }]'
  const entity = `_entities(representations: ${representations}) { ... on User { id } }`
  const mixed = await server.ask(`{ ${entity} _service { sdl } __type(name: "_Any") { name } }`)
  expect(mixed.data).toMatchObject({ _entities: [{ id: 'user_1' }], _service: {}, __type: { name: '_Any' } })
  const spread = await server.ask(
    '{ ... on Query { ...Schema } } fragment Schema on Query { __type(name: "_Any") { name } }',
  )
  expect(spread.data).toEqual({ __type: null })
})

test('has no second form', async () => {
  using folder = makeFolder()
  const { code, stderr } = await run(['schema', '--introspection', '--subgraph'], { cwd: folder.path })
  expect(code).toBe(2)
  expect(stderr).toContain("option '--introspection' cannot be used with option '--subgraph'")
})
