/** The adapter for node:http: reads requests, writes responses, listens, and drains when the server stops. */
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { Server as TcpServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorResponse, RefusedError } from './error-response.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from './message.ts'
import { responseHeaders } from './policy.ts'

/** Answers requests of node:http by the handler. */
export function toRequestListener(handle: HttpHandler): RequestListener {
  return (incoming, outgoing) => {
    const request = readRequest(incoming, outgoing)
    if (request === null) {
      send(outgoing, unreadableTarget)
      return
    }
    handle(request).then(
      (response) => {
        send(outgoing, response)
      },
      // The handler does not reject; should it do so, one connection ends and not the process.
      () => outgoing.destroy(),
    )
  }
}

const unreadable = errorResponse({
  status: 400,
  code: 'BAD_USER_INPUT',
  message: 'The Host and the target make no URL.',
  headers: { connection: 'close' },
})
const unreadableTarget: HttpResponse = { ...unreadable, headers: { ...responseHeaders, ...unreadable.headers } }

/** Null when Host and target make no URL, such as `localhost:99999`. */
function readRequest(incoming: IncomingMessage, outgoing: ServerResponse): HttpRequest | null {
  const { method = '', url: target = '', headers, socket } = incoming
  // HTTP/1.0 requires no Host.
  const host = headers.host ?? socket.localAddress ?? ''
  const url = target.startsWith('/') ? URL.parse(`http://${host === '' ? 'localhost' : host}${target}`) : null
  if (url === null) return null
  let controller: AbortController | null = null
  let isGone = false
  outgoing.once('close', () => {
    isGone = !outgoing.writableFinished
    if (isGone) controller?.abort()
  })
  return {
    method,
    path: url.pathname,
    host,
    header: (name) => {
      // Names may come from the caller: a signature lists what it covers.
      const value = Object.hasOwn(headers, name) ? headers[name] : undefined
      return Array.isArray(value) ? value.join(', ') : (value ?? null)
    },
    readBody: (maxBytes) => readBody(incoming, maxBytes),
    get signal() {
      controller ??= new AbortController()
      if (isGone) controller.abort()
      return controller.signal
    },
    onClose: (listener) => void outgoing.once('close', listener),
  }
}

const endedEarly = {
  status: 400,
  code: 'BAD_USER_INPUT',
  message: 'The request body ended early.',
  headers: { connection: 'close' },
} as const

/** Without `for await`, which destroys the stream and the connection when it is left before the end. */
function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Buffer<ArrayBuffer> | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const onData = (chunk: Buffer): void => {
      length += chunk.byteLength
      if (length <= maxBytes) {
        chunks.push(chunk)
        return
      }
      incoming.off('data', onData).pause()
      resolve(null)
    }
    const onEarlyEnd = (): void => {
      reject(new RefusedError(endedEarly))
    }
    if (incoming.destroyed) {
      onEarlyEnd()
      return
    }
    incoming
      .on('data', onData)
      .once('end', () => {
        resolve(Buffer.concat(chunks, length))
      })
      .once('error', onEarlyEnd)
      .once('close', onEarlyEnd)
  })
}

function send(outgoing: ServerResponse, { status, headers, body }: HttpResponse): void {
  if (outgoing.destroyed) return
  if (body === null) outgoing.writeHead(status, headers).end()
  else outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

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
/** Requests are small; a slow one only holds a connection. */
const HEADERS_MS = 10_000
const REQUEST_MS = 20_000

/** Rejects with a message for the operator when it cannot listen on the address. */
export async function listen(listener: RequestListener, { host, port }: Address): Promise<Listening> {
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
    listener(request, response)
  })
  server.on('clientError', refuseUnreadable)
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  await bind(server, { host, port })
  const { port: bound } = server.address() as AddressInfo

  async function drain(seconds: number, { noticeMs = 0, idleMs = 0 }: DrainTimes = {}): Promise<number> {
    draining = true
    const limitMs = seconds * 1000
    for (const response of busy.values()) if (!response.headersSent) response.setHeader('connection', 'close')
    let cut = 0
    const cutting = setTimeout(() => {
      cut = busy.size
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
    for (const socket of open) if (!busy.has(socket)) socket.destroy()
    await closed.promise
    clearTimeout(cutting)
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

const statusLines: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Listens to `clientError`: answers what is no HTTP, with the headers of every response, and closes the connection. */
function refuseUnreadable({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const headers = Object.entries({ ...responseHeaders, connection: 'close', 'content-length': '0' })
  const lines = headers.map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${statusLines[code] ?? '400 Bad Request'}`, ...lines, '', ''].join('\r\n'))
}
