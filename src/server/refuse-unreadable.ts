/** The answers to what the app cannot read at all; they have the headers that every answer has (TRUST S6). */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { responseHeaders } from './http-policy.ts'

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
