/** Runs the worked example of docs/adding-a-platform.md in the real server, against a strict local Acme. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { acme } from '../../docs/adding-a-platform/acme.ts'
import { startAcme } from '../../docs/adding-a-platform/acme-server.ts'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { startServer } from '../../src/main.ts'
import { loadConfig } from '../../src/config/load.ts'
import { writeLog } from '../../src/log.ts'
import { platforms } from '../../src/upstreams/registry.ts'
import { answers } from '../servers/misbehaviour.ts'
import { makeFolder } from '../kit/folder.ts'
import { readPage, root } from './pages.ts'

const registry = { ...platforms, acme }
const row = {
  service: 'google',
  expires: '2100-01-01T00:00:00Z',
  scope: 'email profile',
  refresh_token: 'invented-refresh-token',
}
const connections = {
  acme_ada: [
    { ...row, id: 'con_1', access_token: 'invented-token-1', label: 'work', data: { team: 'a' } },
    { ...row, id: 'con_2', access_token: 'invented-token-2' },
  ],
  acme_bob: [],
}

async function startGraph(upstream: object) {
  using folder = makeFolder()
  const { key, key_sha256 } = newServiceKey()
  const grants = [{ providers: ['*'], fields: ['*'], users: ['*'] }]
  const content = {
    audit: { sink: 'none' },
    upstreams: { acme: upstream },
    auth: { services: [{ id: 'test', key_sha256, grants }] },
  }
  const config = loadConfig({ file: folder.write('tokengraph.yaml', JSON.stringify(content)), env: {} }, registry)
  const logged: string[] = []
  const running = await startServer(
    { ...config, listen: { host: '127.0.0.1', port: 0 } },
    { log: writeLog('debug', { write: (line) => logged.push(line) }) },
  )
  return {
    logged,
    async ask(query: string): Promise<unknown> {
      const response = await fetch(`${running.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify({ query }),
      })
      return response.json()
    },
    [Symbol.asyncDispose]: () => running.stop(),
  }
}

it('answers for users, accounts and providers of the new platform', async () => {
  await using server = await startAcme(connections)
  await using graph = await startGraph({ platform: 'acme', api_key: server.api_key, base_url: server.url })
  const answer = await graph.ask(`{
    providers { upstream platform }
    ada: user(id: "acme_ada") {
      google: oauth_access_tokens(provider: "google") { external_account_id token expires_at scopes label public_metadata }
      slack: oauth_access_tokens(provider: "slack") { token }
      external_accounts { external_account_id provider approved_scopes }
    }
    bob: user(id: "acme_bob") { oauth_access_tokens(provider: "google") { token } }
  }`)
  const known = { expires_at: 4_102_444_800, scopes: ['email', 'profile'] }
  const account = { provider: 'oauth_google', approved_scopes: ['email', 'profile'] }
  expect(answer).toEqual({
    data: {
      providers: [{ upstream: 'acme', platform: 'acme' }],
      ada: {
        google: [
          {
            external_account_id: 'con_1',
            token: 'invented-token-1',
            label: 'work',
            public_metadata: { team: 'a' },
            ...known,
          },
          { external_account_id: 'con_2', token: 'invented-token-2', label: null, public_metadata: {}, ...known },
        ],
        slack: [],
        external_accounts: [
          { external_account_id: 'con_1', ...account },
          { external_account_id: 'con_2', ...account },
        ],
      },
      bob: { oauth_access_tokens: [] },
    },
  })
  expect(graph.logged.join('')).not.toMatch(/invented-/)
})

it.each([
  [401, 'UPSTREAM_REJECTED'],
  [404, 'USER_NOT_FOUND'],
  [503, 'UPSTREAM_UNAVAILABLE'],
  [200, 'UPSTREAM_PROTOCOL_ERROR'],
])('an answer with status %d and nothing in it is %s', async (status, code) => {
  await using server = await startAcme(connections)
  await using graph = await startGraph({ platform: 'acme', api_key: server.api_key, base_url: server.url, retries: 0 })
  server.misbehave(answers(status, { error: 'invented-upstream-text' }))
  const answer = await graph.ask('{ user(id: "acme_ada") { oauth_access_tokens(provider: "google") { token } } }')
  expect(answer).toMatchObject({
    data: { user: { oauth_access_tokens: null } },
    errors: [{ extensions: { code, upstream: 'acme' } }],
  })
  expect(JSON.stringify(answer)).not.toContain('invented-')
})

it('the page shows the files that were run here, with the imports of their place', () => {
  const withoutPaths = (text: string) => text.trim().replaceAll(/ from '\.[^']*'/g, '')
  const page = readPage('docs/adding-a-platform.md')
  const shown = page.blocks.filter(({ language }) => language === 'ts').map(({ text }) => withoutPaths(text))
  const files = ['acme.ts', 'acme-server.ts'].map((name) =>
    withoutPaths(readFileSync(join(root, 'docs/adding-a-platform', name), 'utf8')),
  )
  expect(files.filter((file) => !shown.includes(file))).toEqual([])
})

it('a token that Acme could not refresh asks for a new consent, and the account says so', async () => {
  await using server = await startAcme({ acme_ada: [{ ...row, id: 'con_1', access_token: null }] })
  await using graph = await startGraph({ platform: 'acme', api_key: server.api_key, base_url: server.url })
  const answer = await graph.ask(
    '{ user(id: "acme_ada") { oauth_access_tokens(provider: "google") { token } oauth_connection(provider: "google") { status } } }',
  )
  expect(answer).toMatchObject({
    data: { user: { oauth_access_tokens: null, oauth_connection: { status: 'REAUTHORIZATION_REQUIRED' } } },
    errors: [{ extensions: { code: 'REAUTHORIZATION_REQUIRED', upstream: 'acme' } }],
  })
})
