/** Ways for a local server to go wrong: each spoils one answer. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'

/** Spoils the answer; `'proceed'` lets the server then answer as it should. */
export type Misbehaviour = (response: ServerResponse) => 'proceed' | 'spoiled' | Promise<'proceed' | 'spoiled'>

/** Another answer than the right one; a string is sent as it is, anything else as JSON. */
export function answers(status: number, body: unknown, headers: Record<string, string> = {}): Misbehaviour {
  return (response) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
    return 'spoiled'
  }
}

/** The right answer, once the promise has resolved. */
export function holds(until: Promise<unknown>): Misbehaviour {
  return () => until.then(() => 'proceed' as const)
}

/** The page of a proxy, with status 200. */
export function html(): Misbehaviour {
  return answers(200, '<!doctype html><title>invented-page-text</title>', { 'content-type': 'text/html' })
}

/** A redirect with the given status. */
export function redirects(location: string, status = 302): Misbehaviour {
  return answers(status, '', { location })
}

/** Nothing at all, for ever. */
export const silence: Misbehaviour = () => 'spoiled'

/** The connection is reset before an answer. */
export const reset: Misbehaviour = (response) => {
  response.socket?.resetAndDestroy()
  return 'spoiled'
}

/** The connection is reset in the middle of the body. */
export const cut: Misbehaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  response.write('[', () => response.socket?.resetAndDestroy())
  return 'spoiled'
}

/** Headers at once, then one byte of the body at a time, for ever. */
export const drip: Misbehaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => {
    clearInterval(timer)
  })
  return 'spoiled'
}

/** A body of strings in an array, for ever. */
export const hugeBody: Misbehaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const body = Readable.from(endless('[', `"${'invented '.repeat(7000)}",`))
  body.pipe(response).on('close', () => body.destroy())
  return 'spoiled'
}

/** Header lines, for ever. */
export const endlessHeaders: Misbehaviour = (response) => {
  const { socket } = response
  if (socket === null) return 'spoiled'
  const lines = Readable.from(endless('HTTP/1.1 200 OK\r\n', `x-invented: ${'a'.repeat(500)}\r\n`))
  socket.on('error', () => lines.destroy())
  socket.on('close', () => lines.destroy())
  lines.pipe(socket)
  return 'spoiled'
}

/** Not HTTP. */
export const garbage: Misbehaviour = (response) => {
  response.socket?.end('invented-bytes that are no HTTP\r\n\r\n')
  return 'spoiled'
}

let bomb: Buffer | null = null

/** 50 MiB of spaces in 50 KiB. */
export const gzipBomb: Misbehaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  response.end((bomb ??= gzipSync(Buffer.alloc(50 * 1024 * 1024, ' '))))
  return 'spoiled'
}

function* endless(first: string, rest: string): Generator<string> {
  yield first
  for (;;) yield rest
}
