/** Where a process connects to by its environment: private CAs count, and proxies are not used (docs/operations.md). */
import { expect, it } from 'vitest'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { makeFolder } from '../kit/folder.ts'
import { start } from '../kit/process.ts'
import type { Answer } from '../kit/server.ts'
import { startClerk } from '../servers/clerk.ts'
import { startIssuer } from '../servers/jwks.ts'
import { startLocal } from '../servers/local.ts'
import { startTls } from '../servers/tls.ts'

const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'

async function ask(url: string, bearer: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })
  return (await response.json()) as Answer
}

it('trusts a private CA by NODE_EXTRA_CA_CERTS, for platforms and for issuers, and uses no proxy', async () => {
  using folder = makeFolder()
  await using clerk = await startClerk()
  const [mine] = clerk.addTokens('user_1', 'oauth_google')
  await using issuer = await startIssuer()
  await using platform = await startTls(clerk.url)
  await using keys = await startTls(issuer.jwks_url)
  await using proxy = await startLocal(() => ({ status: 502 }))
  const { key, key_sha256 } = newServiceKey()
  const { jwks_url, ...options } = issuer.options()
  const config = folder.write(
    'tokengraph.yaml',
    JSON.stringify({
      upstreams: { clerk: clerk.options({ base_url: `${platform.url}/v1`, retries: 0 }) },
      auth: {
        services: [{ id: 'reader', key_sha256, grants: [{ providers: ['*'] }] }],
        issuers: [{ ...options, jwks_url: `${keys.url}${new URL(jwks_url).pathname}` }],
      },
      audit: { sink: 'none' },
    }),
  )
  const authorities = folder.write('private-ca.pem', platform.certificate + keys.certificate)
  const proxies = { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url, ALL_PROXY: proxy.url }
  const serve = async (env: Record<string, string>) => {
    const server = start(['serve', '--config', config, '--port', '0'], { cwd: folder.path, env })
    const [, port = ''] = await server.seen(/"url":"http:\/\/[^"]*:(\d+)"/)
    return { server, url: `http://127.0.0.1:${port}` }
  }

  const trusting = await serve({ NODE_EXTRA_CA_CERTS: authorities, ...proxies })
  await using _trusting = trusting.server
  const data = { user: { oauth_access_tokens: [{ token: mine!.token }] } }
  expect(await ask(trusting.url, key)).toEqual({ data })
  expect(await ask(trusting.url, await issuer.sign({ sub: 'user_1' }))).toEqual({ data })
  expect(proxy.calls).toEqual([])

  const plain = await serve({})
  await using _plain = plain.server
  const calls = clerk.calls.length
  expect((await ask(plain.url, key)).errors?.[0]?.extensions.code).toBe('UPSTREAM_UNAVAILABLE')
  expect((await ask(plain.url, await issuer.sign({ sub: 'user_1' }))).errors?.[0]?.extensions.code).toBe(
    'UPSTREAM_UNAVAILABLE',
  )
  expect(clerk.calls).toHaveLength(calls)
})
