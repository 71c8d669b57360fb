/** The schema itself: what is announced is there, and described. */
import { readFileSync } from 'node:fs'
import { getIntrospectionQuery, isObjectType, isScalarType } from 'graphql'
import { expect, it } from 'vitest'
import { errorCodes } from '../../src/errors.ts'
import { schema } from '../../src/schema/index.ts'
import { printSubgraph } from '../../src/schema/sdl.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

it('describes every type, field, argument and enum value', () => {
  const missing: string[] = []
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue
    if (!type.description) missing.push(type.name)
    if (!isObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      if (!field.description) missing.push(`${type.name}.${field.name}`)
      for (const argument of field.args)
        if (!argument.description) missing.push(`${type.name}.${field.name}(${argument.name})`)
    }
  }
  expect(missing).toEqual([])
})

it('carries @specifiedBy on its scalars, in the subgraph too', () => {
  for (const name of ['JSON', 'UnixTimestamp']) {
    const type = schema.getType(name)
    const url = isScalarType(type) ? type.specifiedByURL : undefined
    expect(url).toMatch(/^https:/)
    expect(printSubgraph(schema)).toContain(`scalar ${name} @specifiedBy(url: "${url ?? ''}")`)
  }
})

it('answers _service with the committed file, and introspection with the committed types', async () => {
  await using graph = await startGraphOverClerk()
  const service = await graph.server.ask<{ _service: { sdl: string } }>('{ _service { sdl } }')
  expect(service.data?._service.sdl).toBe(readFileSync('subgraph.graphql', 'utf8'))
  const introspection = await graph.server.ask<{ __schema: { types: { name: string }[] } }>(getIntrospectionQuery())
  expect(introspection.data?.__schema.types.map(({ name }) => name)).toContain('OAuthAccessToken')
})

it('keeps its list of error codes in the docs', () => {
  const docs = readFileSync('docs/errors.md', 'utf8')
  for (const code of Object.keys(errorCodes)) expect(docs).toContain(`\`${code}\``)
})

it('lists what it serves, and from where', async () => {
  await using graph = await startGraphOverClerk()
  expect(await graph.server.ask('{ providers { id upstream platform } }')).toEqual({
    data: { providers: [{ id: '*', upstream: 'clerk', platform: 'clerk' }] },
  })
})
