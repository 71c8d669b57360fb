/** An upstream call runs until its last waiter is gone. */
import { expect, it } from 'vitest'
import { holds, silence } from '../servers/misbehaviour.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

const query = `{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }`

it('aborts the call when every request that wanted it has gone away', async () => {
  await using graph = await startGraphOverClerk({ timeout_ms: 120_000 })
  graph.clerk.addTokens('user_1', 'oauth_google')
  graph.clerk.misbehave(silence)
  const first = new AbortController()
  const second = new AbortController()
  const gone = [first, second].map((caller) =>
    graph.server.ask(query, { signal: caller.signal }).catch(() => 'gone' as const),
  )
  await graph.clerk.arrived(1)
  await graph.server.waitForRequests(2)

  first.abort()
  expect(await gone[0]).toBe('gone')
  second.abort()
  expect(await gone[1]).toBe('gone')
  // The connection to the platform ends long before its deadline.
  expect(await graph.clerk.calls[0]!.ended).toBe(false)
  expect(graph.clerk.calls).toHaveLength(1)
})

it('keeps the call while one request remains, and answers it', async () => {
  await using graph = await startGraphOverClerk()
  const [row] = graph.clerk.addTokens('user_1', 'oauth_google')
  const gate = Promise.withResolvers<unknown>()
  graph.clerk.misbehave(holds(gate.promise))
  const leaver = new AbortController()
  const left = graph.server.ask(query, { signal: leaver.signal }).catch(() => 'gone' as const)
  await graph.clerk.arrived(1)
  const stays = graph.server.ask(query)
  await graph.server.waitForRequests(2)

  leaver.abort()
  expect(await left).toBe('gone')
  await graph.server.settle()
  gate.resolve(null)
  expect((await stays).data).toEqual({ user: { oauth_access_tokens: [{ token: row!.token }] } })
  expect(graph.clerk.calls).toHaveLength(1)
})

it('starts a new call for a request that comes after the last one has left', async () => {
  await using graph = await startGraphOverClerk({ timeout_ms: 120_000 })
  const [row] = graph.clerk.addTokens('user_1', 'oauth_google')
  graph.clerk.misbehave(silence, { times: 1 })
  const leaver = new AbortController()
  const left = graph.server.ask(query, { signal: leaver.signal }).catch(() => 'gone' as const)
  await graph.clerk.arrived(1)
  leaver.abort()
  expect(await left).toBe('gone')
  await graph.clerk.calls[0]!.ended
  expect((await graph.server.ask(query)).data).toEqual({ user: { oauth_access_tokens: [{ token: row!.token }] } })
  expect(graph.clerk.calls).toHaveLength(2)
})
