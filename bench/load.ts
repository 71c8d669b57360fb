/**
 * A process of its own that loads one server at a time: keep-alive connections, one request in flight on each. It reads
 * no more of an answer than its status and its length: half a core of it saturates the fastest server on another core.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Operation } from './graph.ts'

export const CONNECTIONS = 16
/** Bytes that one read takes at most. */
const READ_BYTES = 262_144

export interface Target {
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
}

interface Load extends Target {
  readonly operation: Operation
  readonly seconds: number
  readonly connections: number
}

export interface Loaded {
  readonly requests: number
  /** Requests per second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Percentile of sorted values. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
}

function requestText({ port, headers, operation }: Load): string {
  const body = JSON.stringify(operation)
  const lines = Object.entries({ 'content-type': 'application/json', accept: 'application/json', ...headers })
  return [
    'POST /graphql HTTP/1.1',
    `host: 127.0.0.1:${String(port)}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
    `content-length: ${String(Buffer.byteLength(body))}`,
    '',
    body,
  ].join('\r\n')
}

/** Sends the request again and again until `isOver`; rejects at an answer without status 200 or of another length. */
function drive(port: number, text: string, isOver: () => boolean, answered: (ms: number) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let began = 0
    let head = ''
    let missing = 0
    let length = 0
    const send = (socket: Socket): void => {
      began = performance.now()
      socket.write(text)
    }
    const read = (socket: Socket, size: number, buffer: Buffer): void => {
      if (missing > 0) missing -= size
      else {
        head += buffer.toString('latin1', 0, size)
        const end = head.indexOf('\r\n\r\n')
        if (end === -1) return
        const found = /^content-length: *(\d+)/im.exec(head.slice(0, end))
        if (!head.startsWith('HTTP/1.1 200') || found === null)
          throw new Error(`unexpected answer: ${head.slice(0, 500)}`)
        const announced = Number(found[1])
        if (length !== 0 && announced !== length)
          throw new Error(`answers of ${String(length)} and ${String(announced)} bytes`)
        length = announced
        missing = length - (head.length - end - 4)
        head = ''
      }
      if (missing > 0) return
      answered(performance.now() - began)
      if (!isOver()) send(socket)
      else {
        socket.destroy()
        resolve(length)
      }
    }
    const socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BYTES),
        callback: (size, buffer) => {
          try {
            read(socket, size, buffer as Buffer)
          } catch (error) {
            socket.destroy(error as Error)
          }
          return true
        },
      },
    })
    socket.once('connect', () => {
      send(socket)
    })
    socket.once('error', reject)
    socket.once('end', () => {
      reject(new Error('the server closed the connection'))
    })
  })
}

async function run(load: Load): Promise<Loaded> {
  const text = requestText(load)
  const took: number[] = []
  const began = performance.now()
  const until = began + load.seconds * 1000
  let ended = began
  await Promise.all(
    Array.from({ length: load.connections }, () =>
      drive(
        load.port,
        text,
        () => performance.now() >= until,
        (ms) => {
          took.push(ms)
          ended = performance.now()
        },
      ),
    ),
  )
  const sorted = Float64Array.from(took).sort()
  return {
    requests: took.length,
    rate: (took.length * 1000) / (ended - began),
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
  }
}

export interface Loader extends AsyncDisposable {
  /** Loads the server for so many seconds; throws when an answer is not the expected one. */
  load(target: Target, operation: Operation, seconds: number, connections?: number): Promise<Loaded>
}

type Reply = { readonly loaded: Loaded } | { readonly problem: string }

export function startLoader(): Loader {
  const child = fork(fileURLToPath(import.meta.url), ['worker'])
  return {
    load: async ({ port, headers }, operation, seconds, connections = CONNECTIONS) => {
      child.send({ port, headers, operation, seconds, connections } satisfies Load)
      const [reply] = (await once(child, 'message')) as [Reply]
      if ('problem' in reply) throw new Error(reply.problem)
      return reply.loaded
    },
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

if (process.argv[2] === 'worker' && process.send !== undefined) {
  const send = process.send.bind(process)
  process.once('disconnect', () => process.exit())
  process.on('message', (load: Load) => {
    run(load)
      .then((loaded): Reply => ({ loaded }))
      .catch((error: unknown): Reply => ({ problem: String(error) }))
      .then(send, send)
  })
}
