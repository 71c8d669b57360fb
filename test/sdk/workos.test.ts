/** The strict WorkOS server is itself checked: WorkOS's own SDK must read the token that the graph reads. */
import { WorkOS } from '@workos-inc/node'
import { expect, test } from 'vitest'
import { workos } from '../../src/upstreams/workos/index.ts'
import { startWorkos, type WorkosServer } from '../servers/workos.ts'
import { openPlatform } from '../upstreams/open-platform.ts'
import { shown } from '../upstreams/support.ts'

function openSdk({ api_key, url }: WorkosServer): WorkOS {
  const { hostname, port } = new URL(url)
  return new WorkOS(api_key, { apiHostname: hostname, port: Number(port), https: false })
}

test('@workos-inc/node reads the same token, expiry and scopes', async () => {
  await using server = await startWorkos()
  server.connect('user_1', 'github', { missing_scopes: ['gist'] })
  await using client = openPlatform(workos, { api_key: server.api_key, base_url: server.url })
  const [token] = (await client.tokens('user_1', 'oauth_github')) ?? []
  const read = await openSdk(server).pipes.getAccessToken({ provider: 'github', userId: 'user_1' })
  if (!read.active) throw new Error('expected a token')
  const { accessToken, expiresAt, scopes, missingScopes } = read.accessToken
  expect(shown(token!)).toMatchObject({
    token: accessToken,
    expires_at: expiresAt!.getTime() / 1000,
    scopes,
    public_metadata: { missing_scopes: missingScopes },
  })
})

test('both see who is not connected and who has to consent again', async () => {
  await using server = await startWorkos()
  server.connect('user_1', 'github', { state: 'needs_reauthorization' })
  const { pipes } = openSdk(server)
  expect(await pipes.getAccessToken({ provider: 'github', userId: 'user_1' })).toEqual({
    active: false,
    error: 'needs_reauthorization',
  })
  expect(await pipes.getAccessToken({ provider: 'google', userId: 'user_1' })).toMatchObject({ error: 'not_installed' })
  await using client = openPlatform(workos, { api_key: server.api_key, base_url: server.url })
  expect(await client.batch([{ user_id: 'user_1', provider: 'github' }])).toMatchObject([
    { reason: { code: 'REAUTHORIZATION_REQUIRED' } },
  ])
  expect(await client.tokens('user_1', 'google')).toEqual([])
})
