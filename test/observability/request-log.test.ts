/** The line of each request: what an operator reads first. */
import { expect, it } from 'vitest'
import { foldRequest } from '../../src/log.ts'
import { answers } from '../servers/misbehaviour.ts'
import { clerkFailure } from '../servers/clerk.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

const linesOf = (logged: readonly string[]) =>
  logged
    .filter((line) => line.includes('"msg":"request"'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)

const named = (user: string) =>
  `query Sync { user(id: "${user}") { oauth_access_tokens(provider: "google") { token } } }`

it('names the path, the operation of the document, every code and the upstream that failed', async () => {
  await using graph = await startGraphOverClerk()
  const { clerk, server } = graph
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented' }])
  clerk.misbehave(answers(401, clerkFailure('clerk_key_invalid')), { path: /user_failing/ })
  await server.ask(named('user_1'))
  await server.ask(named('user_failing'))
  await server.ask('{ me { id } }', { bearer: 'no-such-key' })
  await (await fetch(`${server.url}/secret-path-of-a-caller`)).text()
  const trace_id = '0af7651916cd43dd8448eb211c80319c'
  await server.post(JSON.stringify({ query: '{' }), {
    authorization: `Bearer ${server.key}`,
    traceparent: `00-${trace_id}-b7ad6b7169203331-01`,
  })
  const lines = linesOf(server.logged)
  expect(lines).toMatchObject([
    { level: 'info', method: 'POST', path: '/graphql', status: 200, operation_name: 'Sync', viewer: 'service' },
    { path: '/graphql', status: 200, operation_name: 'Sync', codes: ['UPSTREAM_REJECTED'], upstreams: ['clerk'] },
    { path: '/graphql', status: 401, codes: ['UNAUTHENTICATED'] },
    { method: 'GET', path: 'other', status: 404, codes: ['BAD_USER_INPUT'] },
    { path: '/graphql', codes: ['GRAPHQL_PARSE_FAILED'], trace_id },
  ])
  expect(lines[0]).not.toHaveProperty('codes')
  expect(lines[2]).not.toHaveProperty('upstreams')
  expect(server.logged.join('')).not.toContain('secret-path-of-a-caller')
})

it('is one sentence where a person reads it, and leaves other lines alone', () => {
  const line = {
    level: 'info',
    time: '2026-01-01T00:00:00.000Z',
    method: 'POST',
    path: '/graphql',
    status: 200,
    duration_ms: 3,
    msg: 'request',
  }
  const fold = (more: object) => JSON.parse(foldRequest(JSON.stringify({ ...line, ...more }))) as { msg: string }
  expect(fold({}).msg).toBe('POST /graphql 200 3 ms')
  expect(fold({ operation_name: 'Sync', codes: ['UPSTREAM_TIMEOUT'], upstreams: ['clerk'] })).toEqual({
    level: 'info',
    time: line.time,
    msg: 'POST /graphql Sync 200 3 ms [UPSTREAM_TIMEOUT clerk]',
  })
  expect(foldRequest('{"msg":"listening","url":"http://127.0.0.1:4000"}\n')).toBe(
    '{"msg":"listening","url":"http://127.0.0.1:4000"}',
  )
})
