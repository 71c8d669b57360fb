/** Requests that are hardly HTTP, over a plain socket: no 5xx, and the headers of every response. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startDoor } from './support.ts'
import type { Door } from './support.ts'

let door: Door
beforeAll(async () => {
  door = await startDoor()
})
afterAll(() => door[Symbol.asyncDispose]())

function send(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(new URL(door.server.url).port), '127.0.0.1')
    socket.setEncoding('latin1').on('data', (part) => (answer += String(part)))
    socket.on('error', reject).on('close', () => {
      resolve(answer)
    })
    socket.end(text, 'latin1')
  })
}

const get = (target: string, host: string) => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`

test.each([
  ['a port that is none', get('/graphql', 'localhost:99999')],
  ['half an address', get('/graphql', '[::1')],
  ['a space in the host', get('/graphql', 'a b')],
  ['a percent sign as host', get('/graphql', '%')],
  ['a target without a scheme and a path', get('graphql', 'localhost')],
  ['a target of another scheme', get('ftp://localhost/graphql', 'localhost')],
  ['a user in the target', get('http://user@localhost/graphql', 'localhost')],
  ['no host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ['two hosts', 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['a path in the host', get('/nothing', 'x/graphql?')],
  ['a star as target', 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
  ['an unknown method', 'FOO /graphql HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['two lengths', 'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{'],
  [
    'a length and chunks',
    'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a negative length', 'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
])('%s: 400', async (_, text) => {
  const answer = (await send(text)).toLowerCase()
  expect(answer).toMatch(/^http\/1\.1 400 /)
  expect(answer).toContain('cache-control: no-store\r\n')
  expect(answer).toContain('x-content-type-options: nosniff\r\n')
})

test('headers that are too large: 431', async () => {
  const answer = await send(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 431 /)
  expect(answer).toContain('cache-control: no-store\r\n')
})

test('a caller who leaves in the middle of the body is no defect', async () => {
  const head = 'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n'
  const socket = connect(Number(new URL(door.server.url).port), '127.0.0.1')
  socket.write(`${head}{"query`)
  await door.server.settle()
  socket.destroy()
  await vi.waitFor(() => {
    expect(door.server.logged.filter((line) => line.includes('"status":400'))).toHaveLength(1)
  })
  expect(door.server.logged.join('')).not.toContain('unexpected error')
})
