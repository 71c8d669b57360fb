import { getIntrospectionQuery } from 'graphql'
import { expect, test } from 'vitest'
import { messages, startDoor } from './support.ts'

test('development mode has the same limits, shows the schema, and suggests', async () => {
  await using door = await startDoor({ mode: 'development' })
  const schema = await door.send(getIntrospectionQuery())
  expect(schema.answer.data).toHaveProperty('__schema.types')
  const deep = await door.send('{a'.repeat(9) + '}'.repeat(9))
  expect(messages(deep.answer)).toStrictEqual(['The operation is too deep: at most 8 levels.'])
  const mistyped = await door.send('{ usr { id } }')
  expect(messages(mistyped.answer)[0]).toMatch(/Did you mean/)
})

test('every limit is configurable', async () => {
  const limits = { body_bytes: 500, tokens: 20, depth: 2, aliases: 0, directives: 0, fields: 3, root_fields: 1 }
  await using door = await startDoor({ limits })
  const refused = async (query: string) => messages((await door.send(query)).answer)
  expect(await refused('{ a(b: [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15]) }')).toStrictEqual([
    'The operation is too long: at most 20 tokens.',
  ])
  expect(await refused('{ a { b { c } } }')).toStrictEqual(['The operation is too deep: at most 2 levels.'])
  expect(await refused('{ a: b }')).toStrictEqual(['The operation has too many aliases: at most 0.'])
  expect(await refused('{ a @b }')).toStrictEqual(['The operation has too many directives: at most 0.'])
  expect(await refused('{ a { b c d } }')).toStrictEqual(['The operation selects too many fields: at most 3.'])
  expect(await refused('{ a b }')).toStrictEqual(['The operation selects too many root fields: at most 1.'])
  expect(await refused(`{ a } ${'#'.repeat(500)}`)).toStrictEqual(['The request body is too large: at most 500 bytes.'])
})
