/** Registered documents in production: by their id they are executed, and nothing else is. */
import { getIntrospectionQuery } from 'graphql'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CANARY } from '../security/support.ts'
import { apolloManifest, byApolloHash, byDocumentId, documentMap, providers, sha256, tokens } from './registered.ts'
import { refusal, startTrusted } from './trusted-server.ts'
import type { TrustedServer } from './trusted-server.ts'

const manifests = [
  ['a map of documents', documentMap(tokens, providers)],
  ['an Apollo manifest', apolloManifest(tokens, providers)],
] as const
const variables = { user_id: 'user_1' }
const onlyRegistered = refusal('Only registered documents are executed: send the id of one.')
const unknown = refusal('No document is registered with this id.')
const mismatch = refusal('The query is not the document that is registered with the id.')

describe.each(manifests)('%s', (_, manifest) => {
  let server: TrustedServer
  let before: number
  const calls = () => server.door.server.events.length - before
  beforeAll(async () => {
    server = await startTrusted(manifest, { free_services: ['gateway'] })
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => {
    before = server.door.server.events.length
  })

  test.each([
    ['documentId with its prefix', byDocumentId(tokens)],
    ['documentId without a prefix', { documentId: sha256(tokens) }],
    ["Apollo's extension", byApolloHash(tokens)],
    [
      "Apollo's extension with the prefix",
      { extensions: { persistedQuery: { version: 1, sha256Hash: `sha256:${sha256(tokens)}` } } },
    ],
    ['both forms', { ...byDocumentId(tokens), ...byApolloHash(tokens) }],
    ['the id and its own text', { ...byDocumentId(tokens), query: tokens }],
    ['the id, and null for the text', { ...byDocumentId(tokens), query: null }],
  ])('executes a registered document by %s', async (_form, form) => {
    const { status, answer } = await server.post({ ...form, variables })
    expect(status).toBe(200)
    expect(answer).toMatchObject({ data: { user: { id: 'user_1', oauth_access_tokens: [{ token: CANARY }] } } })
  })

  test.each([
    ['an id that is not registered', { documentId: `sha256:${'0'.repeat(64)}` }, unknown],
    ['the name of a property of every object', { documentId: 'constructor' }, unknown],
    ['an id in capitals', { documentId: sha256(tokens).toUpperCase() }, unknown],
    ['a text without an id', { query: providers }, onlyRegistered],
    ['a registered text without its id', { query: tokens, variables }, onlyRegistered],
    ['another text with a registered id', { ...byDocumentId(providers), query: tokens, variables }, mismatch],
    ["another text with Apollo's hash", { ...byApolloHash(providers), query: tokens, variables }, mismatch],
    ['an empty text with an id', { ...byDocumentId(tokens), query: '', variables }, mismatch],
    ['a text that wants to be registered', { ...byDocumentId('{ __typename }'), query: '{ __typename }' }, unknown],
    [
      'two ids',
      { ...byDocumentId(tokens), ...byApolloHash(providers) },
      refusal('The member documentId and the extension persistedQuery name two documents.'),
    ],
    ['neither a text nor an id', { variables }, refusal('Send a query, or the id of a registered document.')],
    ['an id that is no string', { documentId: 7 }, refusal('The member documentId must be a string.')],
    [
      'another version of the extension',
      { extensions: { persistedQuery: { version: 2, sha256Hash: sha256(tokens) } } },
      refusal('The extension persistedQuery must have the version 1 and a sha256Hash.'),
    ],
    [
      'an extension that is no object',
      { extensions: { persistedQuery: 'x' }, query: tokens },
      refusal('The extension persistedQuery must have the version 1 and a sha256Hash.'),
    ],
    [
      'another member',
      { ...byDocumentId(tokens), id: 1 },
      refusal('The body may have the members documentId, query, variables, operationName and extensions alone.'),
    ],
  ])('refuses %s, and executes nothing', async (_form, body, expected) => {
    expect(await server.post(body)).toStrictEqual(expected)
    expect(calls()).toBe(0)
  })

  test('a registered document gives no right', async () => {
    const { answer } = await server.post({ ...byDocumentId(tokens), variables }, null)
    expect(JSON.stringify(answer)).not.toContain(CANARY)
    expect(answer.errors?.map(({ extensions }) => extensions.code)).toStrictEqual(['UNAUTHENTICATED'])
    expect(calls()).toBe(0)
  })

  test('the log names the document', async () => {
    await server.post(byDocumentId(providers))
    await server.door.server.settle()
    const lines = server.door.server.logged.filter(
      (line) => line.includes('"msg":"request"') && line.includes(sha256(providers)),
    )
    expect(lines.length).toBeGreaterThan(0)
  })
})

describe('callers that cannot register what they send', () => {
  let server: TrustedServer
  beforeAll(async () => {
    server = await startTrusted(documentMap(providers), { free_services: ['gateway'] })
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const entities = {
    query:
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { oauth_access_tokens(provider: "google") { token } } } }',
    variables: { r: [{ __typename: 'User', id: 'user_1' }] },
  }

  test('a free service sends any operation; no other does, also after the free one', async () => {
    const { key } = server.door.server
    for (let time = 0; time < 2; time++) {
      expect(await server.post(entities)).toStrictEqual(onlyRegistered)
      expect((await server.post(entities, key)).answer).toStrictEqual(onlyRegistered.answer)
      expect(await server.post(entities, null)).toStrictEqual(onlyRegistered)
      const { answer } = await server.post(entities, server.gatewayKey)
      expect(answer).toStrictEqual({ data: { _entities: [{ oauth_access_tokens: [{ token: CANARY }] }] } })
    }
  })

  test('a free service is held to the id that it sends', async () => {
    const body = { ...byDocumentId(providers), ...entities }
    expect(await server.post(body, server.gatewayKey)).toStrictEqual(mismatch)
  })

  test('who may see the schema may ask for it, and for nothing else', async () => {
    const { key } = server.door.server
    const introspection = await server.post({ query: getIntrospectionQuery() }, key)
    expect(introspection.answer).toHaveProperty('data.__schema.types')
    const sdl = await server.post({ query: 'query { __typename s: _service { sdl } }' }, key)
    expect(sdl.answer).toMatchObject({ data: { s: { sdl: expect.stringContaining('@link') as string } } })
    for (const query of [
      'query A { __schema { queryType { name } } providers { id } }',
      'query A { __typename ... { providers { id } } }',
      'query A { __typename ...F } fragment F on Query { providers { id } }',
      'query A { __schema: providers { id } }',
      'query A { __typename } query B { providers { id } }',
    ])
      // 200 in JSON, as whatever does not pass validation
      expect((await server.post({ query, operationName: 'A' }, key)).answer).toStrictEqual(onlyRegistered.answer)
  })

  test('no other caller may ask for the schema', async () => {
    expect(await server.post({ query: getIntrospectionQuery() })).toStrictEqual(onlyRegistered)
  })
})
