import { expect, test } from 'vitest'
import { answers } from '../servers/misbehaviour.ts'
import { startGraphOverClerk, userIds } from '../kit/graph-over-clerk.ts'

test('/ready tells how each upstream is, and an open breaker leaves the server ready', async () => {
  await using graph = await startGraphOverClerk({ retries: 0, breaker: { minimum_requests: 5 } })
  const ready = async () => {
    const response = await fetch(`${graph.server.url}/ready`)
    return { status: response.status, body: (await response.json()) as unknown }
  }
  const clerk = { queued: 0, under_way: 0, blocked_ms: 0 }
  expect(await ready()).toEqual({
    status: 200,
    body: {
      status: 'ready',
      port: Number(new URL(graph.server.url).port),
      upstreams: { clerk: { ...clerk, breaker: 'closed' } },
    },
  })
  graph.clerk.misbehave(answers(503, ''))
  const query = `query ($ids: [ID!]!) { users(ids: $ids) { oauth_access_tokens(provider: "google") { token } } }`
  await graph.server.ask(query, { variables: { ids: userIds(10) } })
  expect(await ready()).toEqual({
    status: 200,
    body: {
      status: 'ready',
      port: Number(new URL(graph.server.url).port),
      upstreams: { clerk: { ...clerk, breaker: 'open' } },
    },
  })
})
