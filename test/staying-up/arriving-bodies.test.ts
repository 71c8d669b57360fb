/** The bytes of all bodies on their way are bounded, at the cost of those that send much (docs/promises.md R10, S11). */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { errorResponse, RefusedError } from '../../src/http/error-response.ts'
import { toRequestListener } from '../../src/http/incoming.ts'
import type { HttpHandler } from '../../src/http/message.ts'
import { listen } from '../../src/http/node.ts'

const BOUND = 300_000
const BODY_BYTES = 60_000
const SENT_BYTES = 50_000

/** Answers with the length of the body, as the pipeline of the server reads it. */
const echo: HttpHandler = async (request) => {
  try {
    const body = await request.readBody(100_000)
    return { status: 200, headers: {}, body: `read ${String(body?.byteLength)}` }
  } catch (error) {
    if (error instanceof RefusedError) return errorResponse(error.refusal, null)
    throw error
  }
}

async function start() {
  const listening = await listen(toRequestListener(echo, BOUND), { host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    await listening.drain(0)
  })
  return new URL(listening.url)
}

interface Sender {
  readonly socket: Socket
  text(): string
}

/** Sends so many bytes of a longer body, and waits with the rest. */
async function begin({ hostname, port }: URL, bytes: number): Promise<Sender> {
  const socket = connect(Number(port), hostname)
  onTestFinished(() => {
    socket.destroy()
  })
  socket.on('error', () => undefined)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += String(chunk)))
  socket.write(`POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: ${String(BODY_BYTES)}\r\n\r\n`)
  await new Promise<void>((resolve) => {
    socket.write(Buffer.alloc(bytes, 97), () => {
      resolve()
    })
  })
  return { socket, text: () => text }
}

test('beyond the bound the largest bodies are refused; small ones arrive, and refused ones give their bytes back', async () => {
  const url = await start()
  const large = await Promise.all(Array.from({ length: 12 }, () => begin(url, SENT_BYTES)))
  const refused = () => large.filter(({ text }) => text().startsWith('HTTP/1.1 503'))
  // 6 of 50,000 bytes fit.
  await expect.poll(() => refused().length).toBe(6)
  expect(refused()[0]?.text()).toMatch(/retry-after: 1/)
  expect(refused()[0]?.text()).toContain('"code":"OVERLOADED"')

  const small = await Promise.all(
    Array.from({ length: 40 }, () => fetch(url, { method: 'POST', body: 'x'.repeat(2000) })),
  )
  expect(await Promise.all(small.map((response) => response.text()))).toEqual(small.map(() => 'read 2000'))

  const kept = large.filter((each) => !refused().includes(each))
  for (const { socket } of kept) socket.write(Buffer.alloc(BODY_BYTES - SENT_BYTES, 97))
  await expect
    .poll(() => kept.every(({ text }) => text().includes('read 60000') || text().startsWith('HTTP/1.1 503')))
    .toBe(true)
  // All bytes were given back: as many fit again.
  const again = await Promise.all(Array.from({ length: 5 }, () => begin(url, SENT_BYTES)))
  for (const { socket } of again) socket.write(Buffer.alloc(BODY_BYTES - SENT_BYTES, 97))
  await expect.poll(() => again.map(({ text }) => text().slice(0, 12))).toEqual(again.map(() => 'HTTP/1.1 200'))
})
