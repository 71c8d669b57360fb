/** The metrics for Prometheus, on a separate port. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { vaultOptions } from '../../src/upstreams/vault/options.ts'
import { accountRecord } from '../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../src/upstreams/vault/store/write.ts'
import { makeFolder } from '../kit/folder.ts'
import { answers } from '../servers/misbehaviour.ts'
import { clerkFailure } from '../servers/clerk.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import { startTestServer } from '../kit/server.ts'

async function startWithMetrics(more: Readonly<Record<string, unknown>> = {}) {
  const graph = await startGraphOverClerk({}, { metrics: { port: 0 }, ...more })
  return {
    ...graph,
    async scrape(): Promise<string> {
      const response = await fetch(`${graph.server.metrics_url ?? ''}/metrics`)
      expect(response.headers.get('content-type')).toContain('text/plain')
      return response.text()
    },
  }
}

const google = (user: string) => `{ user(id: "${user}") { oauth_access_tokens(provider: "google") { token } } }`

it('counts requests, calls, cached keys, errors and queues, without any user, provider or secret', async () => {
  await using graph = await startWithMetrics()
  graph.clerk.addTokens('user_secretive', 'oauth_google', [{ token: 'invented-metric-token' }])
  graph.clerk.misbehave(answers(401, clerkFailure('clerk_key_invalid')), { path: /user_failing/ })
  for (const user of ['user_secretive', 'user_secretive', 'user_failing']) await graph.server.ask(google(user))
  await graph.server.ask('{ me { id } }', { bearer: null })
  await graph.server.post('{}', { authorization: 'Bearer no-such-key' })

  const text = await graph.scrape()
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1),
    )
  expect(value('tokengraph_request_duration_seconds_count{status="200",viewer="service"}')).toBe(3)
  expect(value('tokengraph_request_duration_seconds_count{status="200",viewer="anonymous"}')).toBe(1)
  expect(value('tokengraph_request_duration_seconds_count{status="401",viewer="none"}')).toBe(1)
  expect(value('tokengraph_keys_total{upstream="clerk",outcome="ok"}')).toBe(1)
  expect(value('tokengraph_keys_total{upstream="clerk",outcome="cached"}')).toBe(1)
  expect(value('tokengraph_keys_total{upstream="clerk",outcome="error"}')).toBe(1)
  expect(value('tokengraph_errors_total{code="UPSTREAM_REJECTED",upstream="clerk"}')).toBe(1)
  expect(value('tokengraph_errors_total{code="UNAUTHENTICATED",upstream=""}')).toBe(2)
  expect(value('tokengraph_upstream_requests{upstream="clerk",state="queued"}')).toBe(0)
  expect(value('tokengraph_upstream_breaker{upstream="clerk"}')).toBe(0)
  expect(text).toContain('process_resident_memory_bytes')
  for (const hidden of ['user_secretive', 'invented-metric-token', 'google', graph.clerk.secret_key, graph.clerk.url])
    expect(text).not.toContain(hidden)
})

it('counts the accounts of a vault by state, its spool and the clients that are refused', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'vault.sqlite')
  const keys = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
  const store = await openStore(vaultOptions.parse({ path, keys }))
  const account = (user_id: string) => ({ user_id, provider: 'google', external_account_id: 'a', token: 'invented-at' })
  await writeAccounts(
    store,
    ['u1', 'u2', 'u3'].map((user) => accountRecord.parse(account(user))),
  )
  await store.sql.run("UPDATE accounts SET state = 'AMBIGUOUS' WHERE user_id = 'u1'")
  await store.sql.run("INSERT INTO client_health VALUES ('google', 'google', 'c', 'OPEN', 'invalid_client', 1, 1)")
  await store.close()
  await using server = await startTestServer({
    file: { metrics: { port: 0 }, upstreams: { own: { platform: 'vault', path, keys } } },
  })
  const text = await (await fetch(`${server.metrics_url ?? ''}/metrics`)).text()
  expect(text).toContain('tokengraph_vault_accounts{upstream="own",state="ACTIVE"} 2\n')
  expect(text).toContain('tokengraph_vault_accounts{upstream="own",state="AMBIGUOUS"} 1\n')
  expect(text).toContain('tokengraph_vault_spooled{upstream="own"} 0\n')
  expect(text).toContain('tokengraph_vault_refused_clients{upstream="own"} 1\n')
  expect(text).not.toMatch(/u1|invented-at/)
})

it('is served on a port of its own, and nothing else is served there', async () => {
  await using graph = await startWithMetrics()
  expect((await fetch(`${graph.server.url}/metrics`)).status).toBe(404)
  for (const path of ['/', '/graphql', '/metrics?x=1'])
    expect((await fetch(`${graph.server.metrics_url ?? ''}${path}`)).status).toBe(404)
  const posted = await fetch(`${graph.server.metrics_url ?? ''}/metrics`, { method: 'POST' })
  expect(posted.status).toBe(404)
})

it('is off unless it is configured', async () => {
  await using server = await startTestServer({
    file: { upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented' } } },
  })
  expect(server.metrics_url).toBeUndefined()
})
