/** One exchange of node:http as the plain values of `message.ts`: reads the request, writes the response. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { endedEarly, errorResponse, RefusedError } from './error-response.ts'
import type { Refusal } from './error-response.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from './message.ts'
import { responseHeaders } from './policy.ts'

/** Answers requests of node:http by the handler. */
export function toRequestListener(handle: HttpHandler): RequestListener {
  return (incoming, outgoing) => {
    const request = readRequest(incoming, outgoing)
    if ('status' in request) {
      sendRefusal(incoming, outgoing, request)
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

/** Answers a request that does not reach the handler, with the headers of every response. */
export function sendRefusal(incoming: IncomingMessage, outgoing: ServerResponse, refusal: Refusal): void {
  const response = errorResponse(refusal, incoming.headers.accept ?? null)
  send(outgoing, { ...response, headers: { ...responseHeaders, ...response.headers } })
}

const unreadable = (message: string): Refusal => ({
  status: 400,
  code: 'BAD_USER_INPUT',
  message,
  headers: { connection: 'close' },
})

function readRequest(incoming: IncomingMessage, outgoing: ServerResponse): HttpRequest | Refusal {
  const { method = '', url = '', headers, rawHeaders, socket } = incoming
  const repeated = findRepeated(rawHeaders)
  if (repeated !== null) return unreadable(`The header ${repeated} is repeated.`)
  // RFC 9112 section 3.2: HTTP/1.0 requires no Host.
  if (headers.host === undefined && incoming.httpVersion !== '1.0') return unreadable('The header Host is missing.')
  const target = readTarget(url, headers.host ?? addressOf(socket.localAddress ?? ''))
  if (target === null) return unreadable('The Host and the target make no URL.')
  let controller: AbortController | null = null
  let isGone = false
  let reading: Promise<Buffer<ArrayBuffer> | null> | null = null
  outgoing.once('close', () => {
    isGone = !outgoing.writableFinished
    if (isGone) controller?.abort()
  })
  return {
    method,
    ...target,
    connection: socket,
    header: (name) => {
      // Names may come from the caller: a signature lists what it covers.
      const value = Object.hasOwn(headers, name) ? headers[name] : undefined
      return Array.isArray(value) ? value.join(', ') : (value ?? null)
    },
    readBody: (maxBytes) => (reading ??= readBody(incoming, maxBytes)),
    get signal() {
      controller ??= new AbortController()
      if (isGone) controller.abort()
      return controller.signal
    },
  }
}

function addressOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** Headers of which Node keeps the first, while a proxy in front may have checked another one. */
const singletons: ReadonlyMap<string, string> = new Map(
  ['Authorization', 'Host', 'Content-Type', 'Content-Length'].map((name) => [name.toLowerCase(), name]),
)
const lengths = new Set([...singletons.keys()].map(({ length }) => length))

function findRepeated(rawHeaders: readonly string[]): string | null {
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const written = rawHeaders[index] ?? ''
    if (!lengths.has(written.length)) continue
    const name = singletons.get(written.toLowerCase())
    if (name === undefined) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return null
}

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

// Reads what a request is about out of its target alone (RFC 9112 section 3.2). Nothing is decoded, resolved or joined
// with the Host header, so that a proxy that filters by path and this server read the same path.

export interface Target {
  /** Without the query. */
  readonly path: string
  /** With the port; empty when the request names none. */
  readonly host: string
}

const absoluteForm = /^https?:\/\/([^/?#]+)([^?#]*)/i
const originForm = /^\/[^?#]*/

/** `host` is the Host header. In absolute form the target names the host (section 3.2.2). Null: not readable. */
function readTarget(target: string, host: string): Target | null {
  const [, authority, path] = absoluteForm.exec(target) ?? []
  if (!isHost(host) || !isHost(authority ?? '')) return null
  if (authority !== undefined) return { path: path === undefined || path === '' ? '/' : path, host: authority }
  const [own] = originForm.exec(target) ?? []
  return own === undefined ? null : { path: own, host }
}

// RFC 3986 section 3.2.2, with the zones of RFC 6874. Names of containers may end in a number, as no WHATWG URL may.
// Without the comma, which joins repeated headers.
const hostSyntax = /^(?:\[[\da-f:.]+(?:%25[\w.~-]+)?\]|(?:[\w.~!$&'()*+;=-]|%[\da-f]{2})*)(?::(\d{0,5}))?$/i
const MAX_PORT = 65_535

/** Whether a Host header is well-formed; the empty one is. */
export function isHost(host: string): boolean {
  const match = hostSyntax.exec(host)
  return match !== null && Number(match[1] ?? 0) <= MAX_PORT
}
