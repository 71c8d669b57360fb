/** What a manifest may hold: a server with a mistake in one does not start, and says which document and which mistake. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDocuments } from '../../src/server/trusted-documents/check.ts'
import { ConfigError } from '../../src/config/load.ts'
import { configOf } from '../kit/server.ts'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { apolloManifest, documentMap, providers, sha256, tokens } from './registered.ts'

let folder: Folder
beforeAll(() => {
  folder = makeFolder()
})
afterAll(() => {
  folder[Symbol.dispose]()
})

const open = (documents: unknown, limits: object = {}) =>
  openDocuments(configOf({ mode: 'development', upstreams: {}, documents, limits }))

/** The lines of the error, with `FILE` for the path of the manifest. */
function mistakesOf(manifest: string, limits: object = {}): string[] {
  const file = folder.write('persisted.json', manifest)
  try {
    open(file, limits)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replaceAll(file, 'FILE').split('\n')
    throw error
  }
  return []
}

const hex = (text: string) => `sha256:${sha256(text)}`
const wrongField = '{ providers { nmae } }'
const id = sha256(tokens)
const other = sha256(providers)
const apollo = (operations: unknown) =>
  JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations })
const notAManifest =
  'FILE  not a manifest: expected a JSON object of ids and documents, or an Apollo persisted query manifest'
const notApollo =
  'FILE  not an Apollo persisted query manifest of version 1: expected "format", "version", and "operations" that each have an "id" and a "body"'
const notSha256 = 'the id is not the SHA-256 of its document, in lower-case hexadecimal'

test.each([
  ['no JSON', '{', notAManifest],
  ['a list', '[]', notAManifest],
  [
    'an object of objects',
    '{"a":{}}',
    'FILE  not a manifest: expected every member to be the text of a document, by its id',
  ],
  ['another format', JSON.stringify({ format: 'other', version: 1, operations: [] }), notApollo],
  [
    'another version',
    JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 2, operations: [] }),
    notApollo,
  ],
  ['an operation without a body', apollo([{ id }]), notApollo],
  [
    'a document that is no GraphQL',
    documentMap('{'),
    `FILE  ${sha256('{')}  Syntax Error: Expected Name, found <EOF>. (1:2)`,
  ],
  [
    'a field that the schema has not',
    documentMap(tokens, wrongField),
    `FILE  ${sha256(wrongField)}  Cannot query field "nmae" on type "OAuthProvider". (1:15)`,
  ],
  [
    'an operation that the schema has not',
    documentMap('subscription { a }'),
    `FILE  ${sha256('subscription { a }')}  The schema has no subscription.`,
  ],
  [
    'no operation',
    documentMap('fragment F on Query { me { id } }'),
    `FILE  ${sha256('fragment F on Query { me { id } }')}  Fragment "F" is never used. (1:1)`,
  ],
  ['an id of another document', JSON.stringify({ [hex(tokens)]: providers }), `FILE  ${hex(tokens)}  ${notSha256}`],
  ['the same as digits only', JSON.stringify({ [id]: providers }), `FILE  ${id}  ${notSha256}`],
  ['the same in an Apollo manifest', apollo([{ id, body: providers }]), `FILE  ${id}  ${notSha256}`],
  ['an id in capitals', JSON.stringify({ [id.toUpperCase()]: tokens }), `FILE  ${id.toUpperCase()}  ${notSha256}`],
  [
    'a SHA-1 of another document',
    JSON.stringify({ ['0'.repeat(40)]: tokens }),
    `FILE  ${'0'.repeat(40)}  the id is not the SHA-1 of its document, in lower-case hexadecimal`,
  ],
  ['a prefix that is reserved', JSON.stringify({ 'md5:abc': tokens }), 'FILE  md5:abc  not an id of a document'],
  ['too few digits', JSON.stringify({ 'sha256:abc': tokens }), 'FILE  sha256:abc  not an id of a document'],
  ['no id', apollo([{ id: '', body: tokens }]), 'FILE  …  not an id of a document'],
  ['something that may be a secret', JSON.stringify({ 'invented secret': tokens }), 'FILE  …  not an id of a document'],
  ['an id twice', `{"a":${JSON.stringify(tokens)},"a":${JSON.stringify(tokens)}}`, 'FILE  a  the id stands twice'],
  [
    'an id twice, with and without its prefix',
    JSON.stringify({ [id]: tokens, [hex(tokens)]: tokens }),
    `FILE  ${hex(tokens)}  the id stands twice`,
  ],
  [
    'an id twice in an Apollo manifest',
    apollo([
      { id: 'a', body: tokens },
      { id: 'a', body: providers },
    ]),
    'FILE  a  the id stands twice',
  ],
])('%s', (_, manifest, expected) => {
  expect(mistakesOf(manifest)).toStrictEqual([expected])
})

test('every mistake is named, in each of the files', () => {
  const first = folder.write('first.json', JSON.stringify({ a: tokens, b: '{ x }' }))
  const second = folder.write('second.json', JSON.stringify({ a: providers, c: '{ y }' }))
  expect(() => open({ manifest: [first, second] })).toThrow(
    [
      `${first}  b  Cannot query field "x" on type "Query". (1:3)`,
      `${second}  a  another manifest has another document of this id`,
      `${second}  c  Cannot query field "y" on type "Query". (1:3)`,
    ].join('\n'),
  )
})

test('what the limits would refuse at every request', () => {
  expect(mistakesOf(documentMap(tokens), { depth: 1 })).toStrictEqual([
    `FILE  ${id}  The operation is too deep: at most 1 levels.`,
  ])
  expect(mistakesOf(documentMap(tokens), { tokens: 5 })).toStrictEqual([
    `FILE  ${id}  The operation is too long: at most 5 tokens.`,
  ])
})

test('a file that is not there', () => {
  expect(() => open('nowhere.json')).toThrow('nowhere.json  cannot be read: not found (named by documents.manifest)')
})

describe('what is accepted', () => {
  test('several files, also with a document in common', () => {
    const files = [
      folder.write('a.json', documentMap(tokens)),
      folder.write('b.json', apolloManifest(tokens, providers)),
    ]
    expect([...(open({ manifest: files })?.documents.keys() ?? [])].toSorted()).toStrictEqual([id, other].toSorted())
  })

  test("ids of the application's own", () => {
    const manifest = { 'x-app:tokens.v1': tokens, tokens_v1: tokens, d41d8cd98f00b204e9800998ecf8427e: providers }
    expect(mistakesOf(JSON.stringify(manifest))).toStrictEqual([])
  })

  test('introspection, for callers who may see the schema', () => {
    expect(mistakesOf(documentMap('{ __schema { types { name } } }'))).toStrictEqual([])
  })

  test('no document at all', () => {
    expect(mistakesOf('{}')).toStrictEqual([])
  })
})
