/** The `documents` part of the configuration. */
import { describe, expect, test } from 'vitest'
import { checkConfig } from '../../src/commands/check-config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { makeFolder } from '../kit/folder.ts'
import { captureOutput } from '../kit/output.ts'
import { run } from '../kit/process.ts'
import { documentMap, providers, tokens } from './registered.ts'

const production = (documents: string) => `
upstreams: { clerk: { platform: clerk, secret_key: sk_test_invented } }
auth: { services: [ { id: gateway, key_sha256: ${'0123456789abcdef'.repeat(4)}, schema: true } ] }
documents: ${documents}
`

function load(text: string) {
  using folder = makeFolder()
  return loadConfig({ file: folder.write('tokengraph.yaml', text), env: {} }).documents
}

describe('the forms', () => {
  test.each([
    ['a file', 'a.json', { manifests: ['a.json'], mode: 'only', free_services: [] }],
    ['a mapping', '{ manifest: a.json }', { manifests: ['a.json'], mode: 'only', free_services: [] }],
    [
      'everything',
      '{ manifest: [ a.json, b.json ], mode: allow, free_services: [ gateway ] }',
      { manifests: ['a.json', 'b.json'], mode: 'allow', free_services: ['gateway'] },
    ],
  ])('%s', (_, documents, expected) => {
    expect(load(production(documents))).toStrictEqual(expected)
  })

  test('development executes every document, unless told otherwise', () => {
    expect(load('mode: development\ndocuments: a.json')).toMatchObject({ mode: 'allow' })
    expect(load('mode: development\ndocuments: { manifest: a.json, mode: only }')).toMatchObject({ mode: 'only' })
  })

  test('without documents', () => {
    expect(load('mode: development')).toBeNull()
  })
})

test.each([
  ['no manifest', '{ mode: only }', 'documents.manifest  missing; expected a string or a list'],
  ['an empty list', '{ manifest: [] }', 'documents.manifest  '],
  ['an unknown key', '{ manifest: a.json, only: true }', 'documents.only  unknown key'],
  [
    'an unknown mode',
    '{ manifest: a.json, mode: onyl }',
    'documents.mode  expected one of "only", "allow"; did you mean "only"?',
  ],
  [
    'a service that does not exist',
    '{ manifest: a.json, free_services: [ gatway ] }',
    'documents.free_services[0]  no service has this id',
  ],
])('mistake: %s', (_, documents, expected) => {
  expect(() => load(production(documents))).toThrow(expected)
})

describe('the command line', () => {
  test('check-config checks the manifest too', async () => {
    using folder = makeFolder()
    const check = async (manifest: string) => {
      const file = folder.write('tokengraph.yaml', production(JSON.stringify(folder.write('persisted.json', manifest))))
      const output = captureOutput()
      const code = await checkConfig({ file, env: {} }, output)
      return { code, out: output.out.text(), err: output.err.text() }
    }
    expect(await check(documentMap(tokens, providers))).toMatchObject({ code: 0, err: '' })
    expect(await check(documentMap('{ x }'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('Cannot query field "x" on type "Query".') as string,
    })
  })

  test('serve does not start with a mistake in the manifest', async () => {
    using folder = makeFolder()
    folder.write('persisted.json', JSON.stringify({ broken: '{ x }' }))
    folder.write('tokengraph.yaml', production('persisted.json'))
    const { code, stderr } = await run(['serve', '--config', 'tokengraph.yaml', '--port', '1'], { cwd: folder.path })
    expect(code).toBe(1)
    expect(stderr).toContain('persisted.json  broken  Cannot query field "x" on type "Query". (1:3)')
    expect(stderr).not.toContain('    at ')
  })
})
