/** Registered documents beside others: what development does by itself, and `mode: allow` in production. */
import { expect, test } from 'vitest'
import { CANARY, startDoor } from '../security/support.ts'
import { byApolloHash, byDocumentId, documentMap, providers, tokens } from './registered.ts'
import { refusal, startTrusted } from './trusted-server.ts'

const variables = { user_id: 'user_1' }

test.each([
  ['mode: allow', { mode: 'allow' }, {}],
  ['development', {}, { mode: 'development' }],
])('%s executes documents of either kind, and nothing on a mismatch', async (_, options, file) => {
  await using server = await startTrusted(documentMap(tokens, providers), options, file)
  for (const body of [{ query: tokens }, byDocumentId(tokens), byApolloHash(tokens), { query: '{ me { id } }' }]) {
    const { answer } = await server.post({ ...body, variables })
    expect(answer.errors).toBeUndefined()
  }
  const before = server.door.server.events.length
  for (const form of [byDocumentId(providers), byApolloHash(providers)])
    expect(await server.post({ ...form, query: tokens, variables })).toStrictEqual(
      refusal('The query is not the document that is registered with the id.'),
    )
  // An automatic persisted query would register itself here.
  expect(await server.post({ ...byApolloHash('{ providers { id } }'), query: '{ providers { id } }' })).toStrictEqual(
    refusal('No document is registered with this id.'),
  )
  expect(server.door.server.events.length).toBe(before)
})

test('mode: only holds in development too, but for the schema', async () => {
  await using server = await startTrusted(documentMap(tokens), { mode: 'only' }, { mode: 'development' })
  expect((await server.post({ query: '{ __schema { queryType { name } } }' }, null)).answer).toStrictEqual({
    data: { __schema: { queryType: { name: 'Query' } } },
  })
  expect((await server.post({ query: tokens, variables })).answer).toStrictEqual(
    refusal('Only registered documents are executed: send the id of one.').answer,
  )
  expect(JSON.stringify((await server.post({ ...byDocumentId(tokens), variables })).answer)).toContain(CANARY)
})

test('without documents an id is not read', async () => {
  await using door = await startDoor()
  const response = await door.server.post(JSON.stringify({ ...byDocumentId(tokens), variables }))
  expect({ status: response.status, answer: await response.json() }).toStrictEqual(
    refusal('The body may have the members query, variables, operationName and extensions alone.'),
  )
})
