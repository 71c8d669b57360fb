/** The graph over four upstreams of different platforms, each with a user `user_1` and a provider of its own. */
import { startAuth0 } from '../servers/auth0.ts'
import { startClerk } from '../servers/clerk.ts'
import { startLogto } from '../servers/logto.ts'
import { startWorkos } from '../servers/workos.ts'
import { startTestServer } from '../kit/server.ts'

export async function startGraphOverFour(providers: Readonly<Record<string, unknown>> = {}) {
  const [clerk, auth0, logto, workos] = await Promise.all([startClerk(), startAuth0(), startLogto(), startWorkos()])
  const server = await startTestServer({
    file: {
      upstreams: {
        clerk: clerk.options({ timeout_ms: 1000 }),
        auth0: {
          platform: 'auth0',
          base_url: auth0.url,
          client_id: auth0.client_id,
          client_secret: auth0.client_secret,
          timeout_ms: 1000,
        },
        logto: {
          platform: 'logto',
          base_url: logto.url,
          ...logto.management,
          exchange: logto.exchange,
          timeout_ms: 1000,
        },
        workos: { platform: 'workos', api_key: workos.api_key, base_url: workos.url, timeout_ms: 1000 },
      },
      providers: {
        oauth_google: { upstream: 'auth0', as: 'google-oauth2' },
        github: 'logto',
        oauth_slack: 'workos',
        oauth_x: 'clerk',
        ...providers,
      },
    },
  })
  clerk.addUser('user_1', { accounts: [{ provider: 'oauth_x', approved_scopes: 'tweet.read' }] })
  clerk.addTokens('user_1', 'oauth_x')
  auth0.addIdentity('user_1', 'google-oauth2')
  logto.link('user_1', 'github')
  workos.connect('user_1', 'slack')
  const servers = { clerk, auth0, logto, workos }
  return {
    ...servers,
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await Promise.all(Object.values(servers).map((each) => each.close()))
    },
  }
}
