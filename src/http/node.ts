/**
 * Listens with node:http, answers what is no request, and drains when the server stops. Bounds what one connection may
 * hold: the answers that its other side does not take, and the requests that it sends ahead of their answers
 * (docs/promises.md R10). Node bounds the time for headers and for a whole request by itself.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { errorCodes } from '../errors.ts'
import { monotonicMs } from '../lib/time.ts'
import { sendRefusal } from './incoming.ts'
import { Server as TcpServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from '../lib/node-http.ts'
import { errorResponse } from './error-response.ts'
import { responseHeaders } from './policy.ts'

export interface Listening {
  /** As `http://127.0.0.1:4000`. */
  readonly url: string
  /**
   * Stops accepting connections, lets requests in flight finish for at most `seconds`, then closes what is left.
   * Resolves to the number of requests that were cut off.
   */
  drain(seconds: number, times?: DrainTimes): Promise<number>
}

/** In milliseconds, as parts of the seconds of `drain`; 0 when left out. */
export interface DrainTimes {
  /** First, connections are still accepted and every response says `connection: close`, until balancers have noticed. */
  readonly noticeMs?: number
  /** Then the port is closed, and idle connections are kept: a request may be on its way. */
  readonly idleMs?: number
}

export interface Address {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
}

/**
 * Longer than the 60 seconds for which common balancers keep an idle connection: the side that sends requests has to
 * close it, or a request meets a closing connection.
 */
const KEEP_ALIVE_MS = 75_000
/** Rejects with a message for the operator when it cannot listen on the address. */
export async function listen(
  listener: RequestListener,
  { host, port }: Address,
  given: Partial<ConnectionBounds> = {},
): Promise<Listening> {
  const bounds = { ...defaultBounds, ...given }
  let draining = false
  let closing = false
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: bounds.headersMs,
    requestTimeout: bounds.requestMs,
    // Node's own is 30 seconds, by which both times would be exceeded.
    connectionsCheckingInterval: bounds.checkMs,
    maxHeaderSize: bounds.headerBytes,
    // Answered by the adapter, with the headers of every response.
    requireHostHeader: false,
  })
  server.maxConnections = bounds.connections
  const connections = trackConnections(server, bounds, {
    listener,
    onIdle(socket) {
      if (closing) socket.end()
    },
  })
  server.on('request', (request, response) => {
    if (draining) response.setHeader('connection', 'close')
    connections.accept(request, response)
  })
  server.on('checkExpectation', (request, response) => {
    sendRefusal(request, response, unknownExpectation)
  })
  server.on('clientError', refuseUnreadable)
  await bind(server, { host, port })
  const { port: bound } = server.address() as AddressInfo

  async function drain(seconds: number, { noticeMs = 0, idleMs = 0 }: DrainTimes = {}): Promise<number> {
    draining = true
    const limitMs = seconds * 1000
    for (const response of connections.responses()) if (!response.headersSent) response.setHeader('connection', 'close')
    let cut = 0
    const cutting = setTimeout(() => {
      cut = connections.responses().length
      server.closeAllConnections()
    }, limitMs)
    await pause(Math.min(noticeMs, limitMs))
    const closed = Promise.withResolvers<undefined>()
    // `close` of http.Server would also close idle connections, at once.
    TcpServer.prototype.close.call(server, () => {
      closed.resolve(undefined)
    })
    await pause(Math.min(idleMs, limitMs))
    closing = true
    // Browsers and pools connect ahead of their requests; Node does not count such connections as idle.
    for (const socket of connections.idle()) socket.destroy()
    await closed.promise
    clearTimeout(cutting)
    connections.stop()
    server.close() // ends its timers; the port is closed already
    return cut
  }

  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, drain }
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await sleep(ms)
}

function bind(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(explain(error, host, port), { cause: error }))
    })
    server.listen(port, host, () => {
      resolve()
    })
  })
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  const address = `${host}:${port}`
  switch (error.code) {
    case 'EADDRINUSE':
      return `cannot listen on ${address}: the port is in use; choose another with --port or listen.port`
    case 'EACCES':
      return `cannot listen on ${address}: not permitted; ports below 1024 usually need a privilege`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `cannot listen on ${address}: this machine has no such address; check listen.host`
    default:
      return `cannot listen on ${address}: ${error.code ?? error.name}`
  }
}

const unknownExpectation = {
  status: 417,
  code: 'BAD_USER_INPUT',
  message: 'The header Expect must be 100-continue.',
  headers: { connection: 'close' },
} as const

const unreadable: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'The headers of the request are too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'Payload Too Large', 'The chunk extensions of the request are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request did not arrive in time.'],
}

/** Listens to `clientError`: answers what is no HTTP, with the headers of every response, and closes the connection. */
function refuseUnreadable({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, reason, message] = unreadable[code] ?? [400, 'Bad Request', 'The request is no HTTP.']
  const { headers, body } = errorResponse({ status, code: 'BAD_USER_INPUT', message }, null)
  const text = String(body)
  const all = { ...responseHeaders, ...headers, connection: 'close', 'content-length': Buffer.byteLength(text) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${reason}`, ...lines, '', text].join('\r\n'))
}

/** Times in milliseconds. */
export interface ConnectionBounds {
  /** For the head of a request, from the connection or the previous answer's end. */
  readonly headersMs: number
  /** For a whole request, its body included. */
  readonly requestMs: number
  /** For which the other side may take nothing of an answer. */
  readonly writeMs: number
  /** Between two looks at the times above. */
  readonly checkMs: number
  /** Bytes of the headers of a request. */
  readonly headerBytes: number
  /** Connections at a time; further ones are closed at once. */
  readonly connections: number
}

/** Requests are small; a slow one only holds a connection. */
const defaultBounds: ConnectionBounds = {
  headersMs: 10_000,
  requestMs: 20_000,
  writeMs: 20_000,
  checkMs: 500,
  headerBytes: 16_384,
  connections: 20_000,
}

/** Requests of one connection that are answered at a time. Clients that pipeline send few; most wait for each answer. */
const ACTIVE = 4
/** Requests of one connection that wait for those; the next one ends the connection. */
const WAITING = 64

interface Connection {
  /** In the order of their requests; few, and no Set (`createArrivals`). */
  readonly responses: ServerResponse[]
  readonly waiting: [IncomingMessage, ServerResponse][]
  active: number
  isRefused: boolean
  /** What was on its way when the other side last took some of it, and when that was. */
  pending: Pending
  takenAt: number
}

export interface Connections {
  /** Passes requests on to `listener` as the bounds allow. `isLast` says that a connection closes after its answers. */
  accept: RequestListener
  /** Responses that are not sent yet. */
  responses(): readonly ServerResponse[]
  /** Connections without a request in flight. */
  idle(): readonly Socket[]
  /** Stops the timer. */
  stop(): void
}

export interface ConnectionHooks {
  readonly listener: RequestListener
  /** Called when the last answer of a connection is sent. */
  onIdle(socket: Socket): void
}

function trackConnections(
  server: Server,
  { writeMs, checkMs }: ConnectionBounds,
  { listener, onIdle }: ConnectionHooks,
): Connections {
  const open = new Map<Socket, Connection>()
  server.on('connection', (socket) => {
    const now = monotonicMs()
    open.set(socket, { responses: [], waiting: [], active: 0, isRefused: false, pending: nothing, takenAt: now })
    socket.once('close', () => open.delete(socket))
  })

  function start(connection: Connection, incoming: IncomingMessage, outgoing: ServerResponse): void {
    connection.active++
    outgoing.on('close', () => {
      connection.active--
      // In the next turn of the event loop: also requests that are refused at once must not take a whole turn.
      if (connection.waiting.length > 0) setImmediate(startNext, connection, incoming.socket)
    })
    listener(incoming, outgoing)
  }

  function startNext(connection: Connection, socket: Socket): void {
    if (socket.destroyed || connection.active >= ACTIVE) return
    const next = connection.waiting.shift()
    if (next !== undefined) start(connection, ...next)
  }

  function accept(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming
    const connection = open.get(socket)
    if (connection === undefined) {
      outgoing.destroy()
      return
    }
    // What follows on a connection that is about to close is not answered.
    if (connection.isRefused) return
    connection.responses.push(outgoing)
    outgoing.on('close', () => {
      connection.responses.splice(connection.responses.indexOf(outgoing), 1)
      if (connection.responses.length === 0) onIdle(socket)
    })
    if (connection.active < ACTIVE && connection.waiting.length === 0) start(connection, incoming, outgoing)
    else if (connection.waiting.length < WAITING) connection.waiting.push([incoming, outgoing])
    else {
      connection.isRefused = true
      sendRefusal(incoming, outgoing, {
        status: 503,
        code: 'OVERLOADED',
        message: errorCodes.OVERLOADED.message,
        headers: { connection: 'close', 'retry-after': '1' },
        details: { retryable: true, retry_after_ms: 1000 },
      })
    }
  }

  const timer = setInterval(() => {
    const now = monotonicMs()
    for (const [socket, connection] of open) {
      const pending = pendingOf(socket)
      const { pending: before } = connection
      if (socket.writableLength === 0 || pending.sent !== before.sent || pending.queued !== before.queued) {
        connection.pending = pending
        connection.takenAt = now
      } else if (now - connection.takenAt > writeMs) socket.destroy()
    }
  }, checkMs).unref()

  return {
    accept,
    responses: () => [...open.values()].flatMap(({ responses }) => responses),
    idle: () => [...open].filter(([, { responses }]) => responses.length === 0).map(([socket]) => socket),
    stop: () => {
      clearInterval(timer)
    },
  }
}

/** Both change whenever the other side takes something, and not when more is written. */
interface Pending {
  /** Bytes of the writes that are done. */
  readonly sent: number
  /** Bytes of the write under way that the system has not taken yet. */
  readonly queued: number
}

const nothing: Pending = { sent: 0, queued: 0 }

function pendingOf(socket: Socket): Pending {
  // Node's own timeout of a socket looks at this property for the same reason (lib/net.js, `_onTimeout`).
  const handle = Reflect.get(socket, '_handle') as { readonly writeQueueSize?: number } | null
  return { sent: socket.bytesWritten - socket.writableLength, queued: handle?.writeQueueSize ?? 0 }
}
