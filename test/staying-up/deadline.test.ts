/** An answer, data or a typed error, by the caller's deadline plus 50 ms, whatever the upstream does (docs/promises.md R9). */
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { expect, it } from 'vitest'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import * as faults from '../servers/misbehaviour.ts'
import type { Misbehaviour } from '../servers/misbehaviour.ts'
import { startTestServer } from '../kit/server.ts'
import type { TestServer } from '../kit/server.ts'

const DEADLINE_MS = 200
const GRACE_MS = 50
const codes = ['UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE', 'UPSTREAM_PROTOCOL_ERROR']

const query = `query ($ids: [ID!]!) {
  me { id }
  users(ids: $ids) { id oauth_access_tokens(provider: "google") { token } oauth_connection(provider: "google") { status reason } external_accounts { id } }
}`
const ids = Array.from({ length: 20 }, (_, n) => `user_${String(n)}`)

/**
 * Everything here shares one thread of a shared machine, so the clock is a timer of the same thread: whatever makes it
 * late makes the answer late by as much.
 */
async function askInTime(server: TestServer): Promise<{ answer: unknown; late_ms: number }> {
  const due: { at: number | null } = { at: null }
  const request = server.post(JSON.stringify({ query, variables: { ids } }), {
    authorization: `Bearer ${server.key}`,
    'x-request-timeout-ms': String(DEADLINE_MS),
  })
  const timer = setTimeout(() => {
    due.at = performance.now()
  }, DEADLINE_MS)
  const response = await request
  const answer: unknown = await response.json()
  const answered = performance.now()
  clearTimeout(timer)
  expect(response.status).toBe(200)
  return { answer, late_ms: due.at === null ? 0 : answered - due.at }
}

function expectTyped(answer: unknown): void {
  const { data, errors } = answer as {
    data: { users: readonly { id: string; oauth_connection: { reason: string } }[] }
    errors: readonly { extensions: { code: string } }[]
  }
  // What needs no platform is there, and the state of the connection is data.
  expect(data.users.map(({ id }) => id)).toEqual(ids)
  for (const { oauth_connection } of data.users) expect(codes).toContain(oauth_connection.reason)
  expect(errors.length).toBeGreaterThan(0)
  for (const { extensions } of errors) expect([...codes, 'BAD_USER_INPUT']).toContain(extensions.code)
}

/** The best of a few rounds: the first compiles, and others may meet a pause of the machine. None is late by much. */
async function expectInTime(server: TestServer): Promise<void> {
  const late: number[] = []
  for (let round = 0; round < 3; round++) {
    const { answer, late_ms } = await askInTime(server)
    expectTyped(answer)
    late.push(late_ms)
  }
  expect(Math.min(...late)).toBeLessThan(GRACE_MS)
  expect(Math.max(...late)).toBeLessThan(10 * GRACE_MS)
}

/** Headers at once, then one byte a second. */
const byteASecond: Misbehaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.write('[')
  const timer = setInterval(() => response.write(' '), 1000)
  response.on('close', () => {
    clearInterval(timer)
  })
  return 'spoiled'
}

it.each<[string, Misbehaviour]>([
  ['answers nothing', faults.silence],
  ['sends one byte a second', byteASecond],
  ['sends one byte after another', faults.drip],
  ['resets the connection', faults.reset],
  ['breaks off in the body', faults.cut],
  ['sends headers without end', faults.endlessHeaders],
  ['sends a body without end', faults.hugeBody],
  ['sends a gzip bomb', faults.gzipBomb],
  ['speaks no HTTP', faults.garbage],
])('a platform that %s', async (_, fault) => {
  await using graph = await startGraphOverClerk({ timeout_ms: 60_000 }, { cache: { seconds: 0 } })
  for (const id of ids) graph.clerk.addTokens(id, 'oauth_google')
  graph.clerk.misbehave(fault)
  await expectInTime(graph.server)
})

it('a platform that takes the connection and never a byte of TLS', async () => {
  const sockets = new Set<Socket>()
  const hole = createServer((socket) => sockets.add(socket))
  await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve))
  const { port } = hole.address() as AddressInfo
  const base_url = `https://127.0.0.1:${String(port)}/v1`
  const server = await startTestServer({
    file: { upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented', base_url } } },
  })
  await expectInTime(server)
  await server[Symbol.asyncDispose]()
  for (const socket of sockets) socket.destroy()
  hole.close()
})
