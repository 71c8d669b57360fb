/** `tokengraph schema --introspection`: the schema for tools that read JSON. */
import { readFileSync } from 'node:fs'
import { buildClientSchema, lexicographicSortSchema, printSchema } from 'graphql'
import type { IntrospectionQuery } from 'graphql'
import { expect, test } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'
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

test('has no second form', async () => {
  using folder = makeFolder()
  const { code, stderr } = await run(['schema', '--introspection', '--subgraph'], { cwd: folder.path })
  expect(code).toBe(1)
  expect(stderr).toContain("option '--introspection' cannot be used with option '--subgraph'")
})
