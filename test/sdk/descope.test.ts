/** The strict Descope server is itself checked: Descope's own SDK must read the token that the graph reads. */
import createClient from '@descope/node-sdk'
import { expect, test } from 'vitest'
import { descope } from '../../src/upstreams/descope/index.ts'
import { startDescope } from '../servers/descope.ts'
import { openPlatform } from '../upstreams/open-platform.ts'
import { shown } from '../upstreams/support.ts'

test('@descope/node-sdk reads the same apps, and the same token', async () => {
  await using server = await startDescope()
  server.connect('U2x', 'google')
  server.connect('U2x', 'github')
  const { project_id, management_key, url } = server
  await using client = openPlatform(descope, { project_id, management_key, base_url: url })
  const { management } = createClient({ projectId: project_id, managementKey: management_key, baseUrl: url })

  const apps = await management.outboundApplication.listAppsWithUserToken('U2x')
  expect((await client.accounts('U2x'))?.map(({ provider }) => provider).sort()).toEqual([...(apps.data ?? [])].sort())

  const { ok, data } = await management.outboundApplication.fetchToken('google', 'U2x')
  const [token] = (await client.tokens('U2x', 'oauth_google')) ?? []
  expect(ok).toBe(true)
  expect(shown(token!)).toMatchObject({
    token: data?.accessToken,
    external_account_id: data?.id,
    expires_at: Number(data?.accessTokenExpiry),
    scopes: data?.scopes,
  })
})
