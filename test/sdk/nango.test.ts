/** The strict Nango server is itself checked: Nango's own SDK must read the tokens that the graph reads. */
import { Nango } from '@nangohq/node'
import { expect, test } from 'vitest'
import { nango } from '../../src/upstreams/nango/index.ts'
import { startNango } from '../servers/nango.ts'
import { openPlatform } from '../upstreams/open-platform.ts'
import { shown } from '../upstreams/support.ts'

test('@nangohq/node finds the same connections and reads the same tokens', async () => {
  await using server = await startNango()
  server.connect('user_1', 'github', { metadata: { plan: 'pro' } })
  server.connect('user_2', 'github')
  const credentials = { type: 'OAUTH1', oauth_token: 'invented-1', oauth_token_secret: 'invented-2', raw: {} }
  server.connect('user_1', 'x', { credentials })
  const { secret_key, url } = server
  await using client = openPlatform(nango, { secret_key, base_url: url })
  const sdk = new Nango({ host: url, apiKey: secret_key })

  const { connections } = await sdk.listConnections({ tags: { end_user_id: 'user_1' } })
  expect(connections).toHaveLength(2)
  for (const { connection_id, provider_config_key } of connections) {
    const [token] = (await client.tokens('user_1', provider_config_key)) ?? []
    const { token: text, token_secret, expires_at } = shown(token!)
    expect(token?.external_account_id).toBe(connection_id)
    const read = await sdk.getToken(provider_config_key, connection_id)
    if (typeof read === 'string') expect(text).toBe(read)
    else expect({ oAuthToken: text, oAuthTokenSecret: token_secret }).toEqual(read)
    const whole = await sdk.getConnection(provider_config_key, connection_id)
    expect(token?.public_metadata).toEqual(whole.metadata ?? {})
    if (whole.credentials.type === 'OAUTH2')
      expect(new Date(whole.credentials.expires_at!).getTime() / 1000).toBe(expires_at)
  }
})
