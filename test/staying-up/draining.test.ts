/** A server that stops answers every request that was sent before its end (docs/promises.md R11). */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { listen } from '../../src/http/node.ts'

const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** A raw connection, so that a test decides what is on the wire at which moment. */
async function open(url: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return {
    socket,
    async ask(): Promise<string> {
      text = ''
      socket.write(request)
      while (!text.includes('fine')) await Promise.race([once(socket, 'data'), ended(socket)])
      return text
    },
    ended: () => ended(socket),
  }
}

async function ended(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close')
  throw new Error('the connection has ended')
}

async function serve(hold: Promise<unknown> = Promise.resolve()) {
  const held = Promise.withResolvers<undefined>()
  const server = await listen(
    (_request, response) => {
      held.resolve(undefined)
      void hold.then(() => response.end('fine'))
    },
    { host: '127.0.0.1', port: 0 },
  )
  return { ...server, arrived: held.promise }
}

it('accepts during the notice, and closes the connection after each response', async () => {
  const server = await serve()
  const known = await open(server.url)
  expect(await known.ask()).toContain('Connection: keep-alive')
  const drained = server.drain(30, { noticeMs: 1000 })
  expect(await known.ask()).toContain('connection: close')
  await expect(known.ended()).rejects.toThrow('ended')
  const newcomer = await open(server.url)
  expect(await newcomer.ask()).toContain('connection: close')
  expect(await drained).toBe(0)
})

it('closes the connection also after the response to an earlier request', async () => {
  const gate = Promise.withResolvers<undefined>()
  const server = await serve(gate.promise)
  const connection = await open(server.url)
  const answer = connection.ask()
  await server.arrived
  const drained = server.drain(30)
  gate.resolve(undefined)
  expect(await answer).toContain('connection: close')
  expect(await drained).toBe(0)
})

it('answers on an idle connection for the idle time after the port has closed', async () => {
  const server = await serve()
  const idle = await open(server.url)
  await idle.ask()
  const silent = await open(server.url)
  const drained = server.drain(30, { idleMs: 1000 })
  await expect(open(server.url)).rejects.toThrow('ECONNREFUSED')
  expect(await idle.ask()).toContain('connection: close')
  await expect(silent.ended()).rejects.toThrow('ended')
  expect(await drained).toBe(0)
})

it('keeps idle connections for longer than common balancers do, so that the balancer closes them', async () => {
  const server = await serve()
  const idle = await open(server.url)
  expect(await idle.ask()).toContain('Keep-Alive: timeout=75')
  expect(await server.drain(0)).toBe(0)
})
