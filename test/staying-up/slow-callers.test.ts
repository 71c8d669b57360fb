/**
 * Callers who send slowly, read nothing, or send far ahead, by the hundred, beside a service that keeps its latency
 * (docs/promises.md R10). Places are for requests that are there; what a caller does at its own pace holds none.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { toRequestListener } from '../../src/http/incoming.ts'
import type { HttpRequest } from '../../src/http/message.ts'
import { listen } from '../../src/http/node.ts'
import type { Listening } from '../../src/http/node.ts'
import { holds } from '../servers/misbehaviour.ts'
import { startDoor } from '../security/support.ts'
import type { Door } from '../security/support.ts'

const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'
const head = 'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'

/** Opens so many connections that send `text` at once; those that the server closed are counted. */
async function attack(url: string, count: number, text: string, reads = true) {
  const sockets: Socket[] = []
  let closed = 0
  const statuses: Record<string, number> = {}
  for (let n = 0; n < count; n++) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => undefined).on('close', () => closed++)
    if (reads)
      socket.on('data', (chunk: Buffer) => {
        for (const [, status = ''] of chunk.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g))
          statuses[status] = (statuses[status] ?? 0) + 1
      })
    sockets.push(socket)
  }
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) socket.write(text)
  return {
    sockets,
    closed: () => closed,
    /** How many answers have which status. */
    statuses,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Asks so often, one request after the other; returns the milliseconds of each, in order of size. */
async function serviceTimes({ server, plainKey }: Door, times: number): Promise<number[]> {
  const took: number[] = []
  for (let n = 0; n < times; n++) {
    const began = performance.now()
    const { data, errors } = await server.ask(query, { bearer: plainKey })
    expect(errors).toBeUndefined()
    expect(data).toMatchObject({ user: { oauth_access_tokens: [{}] } })
    took.push(performance.now() - began)
  }
  return took.sort((a, b) => a - b)
}

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? Number.NaN

test('bodies that never end hold no place: with 500 of them and 20 places a service is answered', async () => {
  await using door = await startDoor({ limits: { concurrent_requests: 20 } })
  await serviceTimes(door, 20)
  const before = median(await serviceTimes(door, 20))
  using slow = await attack(door.server.url, 500, `${head}Content-Length: 100\r\n\r\n{"q`)
  const during = median(await serviceTimes(door, 50))
  expect(during).toBeLessThan(Math.max(10 * before, 100))
  expect(slow.closed()).toBe(0)
})

test('heads that never end hold no place either', async () => {
  await using door = await startDoor({ limits: { concurrent_requests: 20 } })
  using slow = await attack(door.server.url, 500, 'POST /graphql HTTP/1.1\r\nHost: a\r\nX-')
  await serviceTimes(door, 20)
  expect(slow.closed()).toBe(0)
})

test('answers that are not read hold no place, and each connection sends ahead a bounded number of requests', async () => {
  await using door = await startDoor({ limits: { concurrent_requests: 20 } })
  await serviceTimes(door, 20)
  const body = JSON.stringify({ query: `{ ${'__typename '.repeat(200)} }` })
  const request = `${head}Content-Length: ${String(body.length)}\r\n\r\n${body}`
  using _unread = await attack(door.server.url, 200, request.repeat(60), false)
  await serviceTimes(door, 30)
})

test('anonymous callers who pipeline refuse each other and no service', async () => {
  await using door = await startDoor({ limits: { concurrent_requests: 40 } })
  await serviceTimes(door, 20)
  const fields = Array.from({ length: 20 }, (_, n) => `${'x'.repeat(200)}${String(n)}: me { id }`)
  const body = JSON.stringify({ query: `{ ${fields.join(' ')} }` })
  const request = `${head}Content-Length: ${String(body.length)}\r\n\r\n${body}`
  using crowd = await attack(door.server.url, 100, request.repeat(15))
  const times = await serviceTimes(door, 20)
  // Client, attackers and server share one thread here.
  expect(median(times)).toBeLessThan(1000)
  expect(crowd.statuses['503']).toBeGreaterThan(0)
})

test('a connection that sends more than its share ahead is refused and closed', async () => {
  await using door = await startDoor()
  // Answers wait until the whole burst has arrived, in as many pieces as the machine makes of it.
  const gate = Promise.withResolvers<undefined>()
  door.clerk.misbehave(holds(gate.promise))
  const body = JSON.stringify({ query })
  const lines = `${head}Authorization: Bearer ${door.plainKey}\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`
  using one = await attack(door.server.url, 1, lines.repeat(200))
  const ended = once(one.sockets[0]!, 'close')
  // Server and client share a thread: after some other requests the server has read all of it.
  while (one.sockets[0]!.writableLength > 0) await sleep(1)
  for (let n = 0; n < 5; n++) await door.send('{ __typename }')
  gate.resolve(undefined)
  await ended
  // Four that are answered at a time, and 64 that wait for those.
  expect(one.statuses).toStrictEqual({ '200': 68, '503': 1 })
})

const bounds = { headersMs: 600, requestMs: 900, writeMs: 600, checkMs: 100 }

/** Answers each request with `bytes` once its body is there. */
function answering(bytes: number): Promise<Listening> {
  const body = Buffer.alloc(bytes, 120)
  const handle = async (request: HttpRequest) => {
    await request.readBody(1_000_000).catch(() => null)
    return { status: 200, headers: {}, body }
  }
  return listen(toRequestListener(handle), { host: '127.0.0.1', port: 0 }, bounds)
}

async function closedAfter(socket: Socket, began: number): Promise<number> {
  if (!socket.closed) await once(socket, 'close')
  return performance.now() - began
}

test.each([
  ['nothing', '', bounds.headersMs, '408'],
  ['half a head', 'GET / HTTP/1.1\r\nHost: a\r\n', bounds.headersMs, '408'],
  ['half a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{', bounds.requestMs, '408'],
])('a connection that sends %s is closed in time', async (_, text, boundMs, status) => {
  const server = await answering(10)
  const began = performance.now()
  using slow = await attack(server.url, 50, text)
  const times = await Promise.all(slow.sockets.map((socket) => closedAfter(socket, began)))
  expect(Math.min(...times)).toBeGreaterThan(boundMs * 0.7)
  expect(Math.max(...times)).toBeLessThan(boundMs + 1000)
  expect(slow.statuses).toStrictEqual({ [status]: 50 })
  await server.drain(0)
})

test('a connection that reads nothing of its answers is closed in time, and one that reads slowly is not', async () => {
  const server = await answering(4_000_000)
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  using unread = await attack(server.url, 5, request.repeat(8), false)
  using slow = await attack(server.url, 1, request.repeat(4), false)
  const [reader] = slow.sockets as [Socket]
  let bytes = 0
  reader.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
    reader.pause()
    setTimeout(() => reader.resume(), 5)
  })
  await sleep(bounds.writeMs + 1400)
  // What the network holds already can still be read, and then the end.
  const taken = unread.sockets.map(async (socket) => {
    let length = 0
    socket.on('data', (chunk: Buffer) => (length += chunk.byteLength))
    if (!socket.closed) await once(socket, 'close')
    return length
  })
  expect(Math.max(...(await Promise.all(taken)))).toBeLessThan(8 * 4_000_000)
  expect(reader.closed).toBe(false)
  while (bytes < 16_000_000 && !reader.closed) await Promise.race([once(reader, 'data'), once(reader, 'close')])
  expect(bytes).toBeGreaterThan(16_000_000)
  await server.drain(0)
})

test('connections beyond the limit are closed at once', async () => {
  const server = await listen(
    toRequestListener(() => Promise.resolve({ status: 200, headers: {}, body: 'fine' })),
    { host: '127.0.0.1', port: 0 },
    { connections: 5 },
  )
  using many = await attack(server.url, 8, '')
  while (many.closed() < 3) await sleep(10)
  expect(many.closed()).toBe(3)
  await server.drain(0)
})
