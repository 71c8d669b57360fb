/** A real HTTP server on 127.0.0.1 that counts what reaches it and misbehaves on request. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Misbehaviour } from './misbehaviour.ts'

/** What a request said. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** The whole body as text; `''` for a GET. */
  readonly body: string
  /** Resolves when the answer is complete or the connection is gone; false: the caller left before the answer. */
  readonly ended: Promise<boolean>
}

/** What the server says; `body` is sent as JSON, unless there is a `raw` text to send as it is. */
export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Rule {
  /** Which requests the rule is about; all of them without it. */
  readonly path?: RegExp
  /** Texts that the request has to hold, each of them: in its URL, its body or its credential. */
  readonly words?: readonly string[]
  /** How many requests it spoils before it is used up; all of them without it. */
  readonly times?: number
}

export interface LocalServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly calls: readonly Received[]
  /** The bodies of the answers that were not spoiled, as they were sent. */
  readonly sent: readonly string[]
  /** How many requests were under way at the same time, at most. */
  readonly maxConcurrent: number
  /** How many connections were ever opened. */
  readonly connections: number
  /** How many connections are open now. */
  readonly openConnections: number
  /** Resolves once `count` requests have arrived. */
  arrived(count: number): Promise<void>
  /** The first rule that matches spoils a request; returns a function that takes the rule back. */
  misbehave(how: Misbehaviour, rule?: Rule): () => void
  /** Changes what is sent from now on, as JSON; returns a function that takes the change back. */
  alter(change: Alteration): () => void
  close(): Promise<void>
}

/** An answer for tests that do not read it. */
export const fine = (): Reply => ({ status: 200, body: { fine: true } })

/** Gets a fresh copy of the body, and returns what is sent in its place. */
export type Alteration = (body: unknown, request: Received) => unknown

/** Starts a server that answers with `reply`. */
export async function startLocal(reply: (request: Received) => Reply | Promise<Reply>): Promise<LocalServer> {
  const calls: Received[] = []
  const sent: string[] = []
  const rules: { how: Misbehaviour; path: RegExp; words: readonly string[]; left: number }[] = []
  const waiting: { count: number; resolve: () => void }[] = []
  const sockets = new Set<Socket>()
  const alterations = new Set<Alteration>()
  let connections = 0
  let underWay = 0
  let maxConcurrent = 0

  // A URL of 500 ids is longer than what Node takes by default.
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    const url = new URL(request.url ?? '/', 'http://local.invalid')
    const ended = Promise.withResolvers<boolean>()
    const { method = '', headers } = request
    const received = { method, path: url.pathname, query: url.searchParams, headers, body: '', ended: ended.promise }
    underWay++
    maxConcurrent = Math.max(maxConcurrent, underWay)
    response.on('close', () => {
      underWay--
      ended.resolve(response.writableFinished)
    })
    calls.push(received)
    for (const { count, resolve } of waiting) if (calls.length >= count) resolve()
    const answer = async (): Promise<void> => {
      if (method !== 'GET') received.body = await text(request)
      const said = `${decodeURIComponent(url.href)} ${received.body} ${headers.authorization ?? ''}`
      const rule = rules.find(
        ({ path, words, left }) => left > 0 && path.test(url.pathname) && words.every((word) => said.includes(word)),
      )
      if (rule !== undefined) rule.left--
      if (rule !== undefined && (await rule.how(response)) !== 'proceed') return
      const { status, body, raw, headers: extra } = await reply(received)
      const content =
        alterations.size === 0 ? (raw ?? JSON.stringify(body)) : altered(raw ?? JSON.stringify(body), received)
      sent.push(content)
      response.writeHead(status, { 'content-type': 'application/json', ...extra }).end(content)
    }
    // A caller who leaves in the middle of the body wants no answer.
    answer().catch(() => response.destroy())
  })
  function altered(content: string, request: Received): string {
    let body: unknown
    try {
      body = JSON.parse(content)
    } catch {
      return content
    }
    for (const change of alterations) body = change(body, request)
    return JSON.stringify(body)
  }
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    calls,
    sent,
    get maxConcurrent() {
      return maxConcurrent
    },
    get connections() {
      return connections
    },
    get openConnections() {
      return sockets.size
    },
    arrived: (count) =>
      new Promise((resolve) => {
        if (calls.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    misbehave(how, { path = /./, words = [], times = Infinity } = {}) {
      const rule = { how, path, words, left: times }
      rules.push(rule)
      return () => {
        rule.left = 0
      }
    },
    alter(change) {
      alterations.add(change)
      return () => void alterations.delete(change)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
