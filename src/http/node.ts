/** The Node shell around the app: listens, and drains when it is told to stop. */
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { Server as TcpServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { responseHeaders } from './policy.ts'

export interface Listening {
  /** As `http://127.0.0.1:4000`. */
  readonly url: string
  /**
   * Stops accepting, lets running requests finish for at most `drain_seconds`, then closes what is left. Resolves to
   * the number of connections that had to be cut.
   */
  drain(drain_seconds: number, times?: DrainTimes): Promise<number>
}

/** Both in milliseconds, and parts of `drain_seconds`; left out: not at all. */
export interface DrainTimes {
  /** For so long everything is still accepted, and every answer says `connection: close`: balancers are looking away. */
  readonly notice_ms?: number
  /** For so long connections without a request are kept after that: one may be on the wire. */
  readonly idle_ms?: number
}

export interface Address {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

/**
 * Longer than the 60 seconds for which common balancers keep an idle connection: the side that sends requests must be
 * the one that closes, or a request meets a closing connection.
 */
const KEEP_ALIVE_MS = 75_000
/** A request is small: who takes longer for it only holds a place. */
const HEADERS_MS = 10_000
const REQUEST_MS = 20_000

/** Rejects with a message for the operator when the address cannot be had. */
export async function listen(handler: RequestListener, { host, port }: Address): Promise<Listening> {
  let draining = false
  let closing = false
  const open = new Set<Socket>()
  const busy = new Map<Socket, ServerResponse>()
  const options = { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS }
  const server = createServer(options, (request, response) => {
    const { socket } = request
    busy.set(socket, response)
    response.once('close', () => {
      busy.delete(socket)
      if (closing) socket.end()
    })
    if (draining) response.setHeader('connection', 'close')
    if (hasReadableUrl(request)) handler(request, response)
    else refuseUrl(response)
  })
  server.on('clientError', refuseUnreadable)
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  await bind(server, { host, port })
  const { port: bound } = server.address() as AddressInfo

  async function drain(drain_seconds: number, { notice_ms = 0, idle_ms = 0 }: DrainTimes = {}): Promise<number> {
    draining = true
    const cut_ms = drain_seconds * 1000
    for (const response of busy.values()) if (!response.headersSent) response.setHeader('connection', 'close')
    let cut = 0
    const cutting = setTimeout(() => {
      cut = busy.size
      server.closeAllConnections()
    }, cut_ms)
    await pause(Math.min(notice_ms, cut_ms))
    const closed = Promise.withResolvers<undefined>()
    // The close of http would also close idle connections, at once.
    TcpServer.prototype.close.call(server, () => {
      closed.resolve(undefined)
    })
    await pause(Math.min(idle_ms, cut_ms))
    closing = true
    // Browsers and pools connect ahead of their requests; Node does not count such connections as idle.
    for (const socket of open) if (!busy.has(socket)) socket.destroy()
    await closed.promise
    clearTimeout(cutting)
    server.close() // ends its timers; the port is closed already
    return cut
  }

  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${String(bound)}`, drain }
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
  const address = `${host}:${String(port)}`
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

/** The answers to what the app cannot read at all; they have the headers that every answer has (TRUST S6). */

/** Whether Host and target make a URL; the app reads it before any plugin, and `localhost:99999` would throw there. */
export function hasReadableUrl({ headers, url = '' }: Pick<IncomingMessage, 'headers' | 'url'>): boolean {
  const { host = '' } = headers
  return URL.canParse(`http://${host === '' ? 'localhost' : host}${url}`) && url.startsWith('/')
}

export function refuseUrl(response: ServerResponse): void {
  const error = { message: 'The Host and the target make no URL.', extensions: { code: 'BAD_USER_INPUT' } }
  const headers = { ...responseHeaders, 'content-type': 'application/json; charset=utf-8', connection: 'close' }
  response.writeHead(400, headers).end(JSON.stringify({ errors: [error] }))
}

const statuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** For the `clientError` event of a server: answers what is no HTTP, and closes the connection. */
export function refuseUnreadable({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const headers = Object.entries({ ...responseHeaders, connection: 'close', 'content-length': '0' })
  const lines = headers.map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${statuses[code] ?? '400 Bad Request'}`, ...lines, '', ''].join('\r\n'))
}
