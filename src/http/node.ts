/** Listens with node:http, answers what is no request, and drains when the server stops. */
import type { RequestListener, Server } from 'node:http'
import { Server as TcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from '../lib/node-http.ts'
import { defaultBounds, trackConnections } from './connections.ts'
import type { ConnectionBounds } from './connections.ts'
import { errorResponse } from './error-response.ts'
import { sendRefusal } from './incoming.ts'
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
  const connections = trackConnections(server, bounds, listener)
  server.on('request', connections.accept)
  server.on('checkExpectation', (request, response) => {
    sendRefusal(request, response, unknownExpectation)
  })
  server.on('clientError', refuseUnreadable)
  await bind(server, { host, port })
  const { port: bound } = server.address() as AddressInfo

  async function drain(seconds: number, { noticeMs = 0, idleMs = 0 }: DrainTimes = {}): Promise<number> {
    const limitMs = seconds * 1000
    connections.announceEnd()
    let cut = 0
    const cutting = setTimeout(() => {
      cut = connections.unsent()
      server.closeAllConnections()
    }, limitMs)
    await pause(Math.min(noticeMs, limitMs))
    const closed = Promise.withResolvers<undefined>()
    // `close` of http.Server would also close idle connections, at once.
    TcpServer.prototype.close.call(server, () => {
      closed.resolve(undefined)
    })
    await pause(Math.min(idleMs, limitMs))
    connections.end()
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
