/** One exchange of node:http as the plain values of `message.ts`: reads the request, writes the response. */
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { errorCodes } from '../errors.ts'
import { remembering } from '../lib/text.ts'
import { endedEarly, namedErrorResponse, RefusedError } from './error-response.ts'
import type { HttpHandler, HttpRequest, HttpResponse, Refusal } from './message.ts'
import { responseHeaders } from './policy.ts'

/** Answers requests of node:http by the handler. */
export function toRequestListener(handle: HttpHandler, arrivingBytes = ARRIVING_BYTES): RequestListener {
  const arrivals = createArrivals(arrivingBytes)
  return (incoming, outgoing) => {
    const request = readRequest(incoming, outgoing, arrivals)
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
  const response = namedErrorResponse(refusal, (name) => headerOf(incoming.headers, name))
  send(outgoing, { ...response, headers: { ...responseHeaders, ...response.headers } })
}

const unreadable = (message: string): Refusal => ({
  status: 400,
  code: 'BAD_USER_INPUT',
  message,
  headers: { connection: 'close' },
})

function readRequest(incoming: IncomingMessage, outgoing: ServerResponse, arrivals: Arrivals): HttpRequest | Refusal {
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
  outgoing.on('close', () => {
    isGone = !outgoing.writableFinished
    if (isGone) controller?.abort()
  })
  return {
    method,
    ...target,
    connection: socket,
    header: (name) => headerOf(headers, name),
    readBody: (maxBytes) => (reading ??= readBody(incoming, maxBytes, arrivals)),
    signal() {
      controller ??= new AbortController()
      if (isGone) controller.abort()
      return controller.signal
    },
  }
}

/** Names may come from the caller: a signature lists what it covers. */
function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined
  return Array.isArray(value) ? value.join(', ') : (value ?? null)
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
  let seen = ''
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const written = rawHeaders[index] ?? ''
    if (!lengths.has(written.length)) continue
    const name = singletons.get(written.toLowerCase())
    if (name === undefined) continue
    // No name is a part of another one.
    if (seen.includes(name)) return name
    seen += name
  }
  return null
}

/** Bytes of all bodies that have begun and not ended: what callers may make this process hold before any is read. */
const ARRIVING_BYTES = 67_108_864

/** A body that has begun to arrive. */
interface Arriving {
  length: number
  /** Its place in the list of all that arrive; -1: in none. */
  place: number
  refuse(): void
}

interface Arrivals {
  add(body: Arriving, bytes: number): void
  remove(body: Arriving): void
}

/**
 * Bounds the bytes of all bodies on their way. Beyond the bound the largest is refused, and not the newest: a few that
 * send much and slowly cannot shut out the many that send little.
 */
function createArrivals(maxBytes: number): Arrivals {
  // A list, because a Set that is filled and emptied all the time keeps what was in it alive for long: each of its
  // tables points to the next, and an old one is collected late.
  const arriving: Arriving[] = []
  let total = 0
  const remove = (body: Arriving): void => {
    const last = arriving.at(-1)
    if (body.place === -1 || last === undefined) return
    arriving[body.place] = last
    last.place = body.place
    arriving.pop()
    body.place = -1
    total -= body.length
  }
  return {
    add(body, bytes) {
      if (body.place === -1) body.place = arriving.push(body) - 1
      body.length += bytes
      total += bytes
      if (total <= maxBytes) return
      let largest = body
      for (const each of arriving) if (each.length > largest.length) largest = each
      remove(largest)
      largest.refuse()
    },
    remove,
  }
}

const tooMuchArriving: Refusal = {
  status: 503,
  code: 'OVERLOADED',
  message: errorCodes.OVERLOADED.message,
  headers: { connection: 'close', 'retry-after': '1' },
  details: { retryable: true, retry_after_ms: 1000 },
}

/** Without `for await`, which destroys the stream and the connection when it is left before the end. */
function readBody(
  incoming: IncomingMessage,
  maxBytes: number,
  arrivals: Arrivals,
): Promise<Buffer<ArrayBuffer> | null> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    const stop = (): void => {
      incoming.off('data', onData).pause()
      arrivals.remove(body)
      chunks = []
    }
    const body: Arriving = {
      length: 0,
      place: -1,
      refuse() {
        stop()
        reject(new RefusedError(tooMuchArriving))
      },
    }
    const onData = (chunk: Buffer): void => {
      if (body.length + chunk.byteLength <= maxBytes) {
        chunks.push(chunk)
        arrivals.add(body, chunk.byteLength)
        return
      }
      stop()
      resolve(null)
    }
    let hasEnded = false
    const onEarlyEnd = (): void => {
      // Every exchange ends in `close`.
      if (hasEnded) return
      arrivals.remove(body)
      reject(new RefusedError(endedEarly))
    }
    if (incoming.destroyed) {
      onEarlyEnd()
      return
    }
    incoming
      .on('data', onData)
      .on('end', () => {
        hasEnded = true
        arrivals.remove(body)
        const [only] = chunks
        resolve(
          chunks.length === 1 && only?.buffer instanceof ArrayBuffer
            ? (only as Buffer<ArrayBuffer>)
            : Buffer.concat(chunks, body.length),
        )
      })
      .on('error', onEarlyEnd)
      .on('close', onEarlyEnd)
  })
}

function send(outgoing: ServerResponse, { status, headers, body }: HttpResponse): void {
  if (outgoing.destroyed) return
  if (body === null) {
    outgoing.writeHead(status, headers).end()
    return
  }
  const length = Buffer.byteLength(body)
  outgoing.writeHead(status, { ...headers, 'content-length': length })
  // As many bytes as characters: ASCII, which needs no conversion.
  if (typeof body === 'string' && length === body.length) outgoing.end(body, 'latin1')
  else outgoing.end(body)
}

// Reads what a request is about out of its target alone (RFC 9112 section 3.2). Nothing is decoded, resolved or joined
// with the Host header, so that a proxy that filters by path and this server read the same path.

export interface Target {
  /** Without the query. */
  readonly path: string
  readonly query: string
  /** With the port; empty when the request names none. */
  readonly host: string
}

const absoluteForm = /^https?:\/\/([^/?#]+)([^?#]*)/i
const originForm = /^\/[^?#]*/

/** `host` is the Host header. In absolute form the target names the host (section 3.2.2). Null: not readable. */
function readTarget(target: string, host: string): Target | null {
  const [, authority, path] = absoluteForm.exec(target) ?? []
  if (!isHost(host) || !isHost(authority ?? '')) return null
  if (authority !== undefined)
    return { path: path === undefined || path === '' ? '/' : path, query: queryIn(target), host: authority }
  const [own] = originForm.exec(target) ?? []
  return own === undefined ? null : { path: own, query: queryIn(target), host }
}

function queryIn(target: string): string {
  const start = target.indexOf('?')
  if (start === -1) return ''
  const end = target.indexOf('#', start)
  return target.slice(start + 1, end === -1 ? undefined : end)
}

// RFC 3986 section 3.2.2, with the zones of RFC 6874. Names of containers may end in a number, as no WHATWG URL may.
// Without the comma, which joins repeated headers.
const hostSyntax = /^(?:\[[\da-f:.]+(?:%25[\w.~-]+)?\]|(?:[\w.~!$&'()*+;=-]|%[\da-f]{2})*)(?::(\d{0,5}))?$/i
const MAX_PORT = 65_535

/** Whether a Host header is well-formed; the empty one is. */
export const isHost: (host: string) => boolean = remembering((host) => {
  const match = hostSyntax.exec(host)
  return match !== null && Number(match[1] ?? 0) <= MAX_PORT
})
