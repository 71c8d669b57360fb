/** What a process has loaded: memory, and time of each start. */
import { expect, it } from 'vitest'
import { testFolder } from '../kit/folder.ts'
import { run, start } from '../kit/process.ts'

/** On SIGUSR2 the process says which of Node's own modules it has loaded. */
const tell = `process.on('SIGUSR2', () => console.error('loaded ' + process.moduleLoadList.join() + ' end'))`

const production = `audit: { sink: none }
auth:
  services: [{ id: invented, key_sha256: ${'a'.repeat(64)}, schema: true }]
  issuers: [{ issuer: 'https://issuer.example', audience: a, jwks_url: 'https://127.0.0.1:1/jwks', algorithms: [ES256] }]
upstreams:
  clerk: { platform: clerk, secret_key: sk_test_invented0123456789 }
  vault: { platform: vault, path: vault.sqlite, keys: [{ id: k1, secret: invented-ring-secret-0123456789-abcdef }] }
providers: { default: clerk }
listen: { host: 127.0.0.1, port: 0 }
metrics: { host: 127.0.0.1, port: 0 }
documents: documents.json
`

it.each([
  ['development mode', ['--port', '0']],
  ['a server with two upstreams, issuers, metrics and trusted documents', ['--config', 'tokengraph.yaml']],
])('%s loads none of fetch, WebSocket and streams of the web, which it does not use', async (_, args) => {
  const folder = testFolder()
  folder.write('tokengraph.yaml', production)
  folder.write('documents.json', JSON.stringify({ typename: '{ __typename }' }))
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tell)}` }
  await using server = start(['serve', ...args], { cwd: folder.path, env })
  await server.seen(/"msg":"listening"/)
  server.child.kill('SIGUSR2')
  const [loaded] = await server.seen(/loaded .* end/)
  expect(loaded).toContain('NativeModule http,')
  expect(loaded).not.toContain('internal/deps/undici')
  expect(loaded).not.toContain('internal/webstreams')
})

it.each([
  ['without registered documents', production.replace(/^documents:.*\n/m, ''), false],
  ['with registered documents', production, true],
])('check-config %s loads GraphQL where it has documents to check, and only there', async (_, config, isLoaded) => {
  const folder = testFolder()
  folder.write('tokengraph.yaml', config)
  folder.write('documents.json', JSON.stringify({ typename: '{ __typename }' }))
  const tellAtEnd = `import { Module } from 'node:module'
process.on('exit', () => console.error('loaded ' + Object.keys(Module._cache).join()))`
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tellAtEnd)}` }
  const { code, stderr } = await run(['check-config', '--config', 'tokengraph.yaml'], { cwd: folder.path, env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('loaded ') as string })
  expect(stderr.includes('/node_modules/graphql/')).toBe(isLoaded)
})
