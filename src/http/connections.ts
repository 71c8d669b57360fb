/**
 * Bounds what one connection may hold: the answers that its other side does not take, and the requests that it sends
 * ahead of their answers (docs/promises.md R10); ends connections when the server stops. Node bounds the time for headers
 * and for a whole request by itself.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorCodes } from '../errors.ts'
import { monotonicMs } from '../lib/time.ts'
import { sendRefusal } from './incoming.ts'

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
export const defaultBounds: ConnectionBounds = {
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
  /** Passes requests on to `listener` as the bounds allow. */
  accept: RequestListener
  /** How many responses are not sent yet. */
  unsent(): number
  /** From now on every response says `connection: close`, those included whose headers are not sent yet. */
  announceEnd(): void
  /** Ends connections without a request in flight at once, and every other one after its last answer. */
  end(): void
  /** Stops the timer. */
  stop(): void
}

export function trackConnections(
  server: Server,
  { writeMs, checkMs }: ConnectionBounds,
  listener: RequestListener,
): Connections {
  const open = new Map<Socket, Connection>()
  let isEndAnnounced = false
  let isEnding = false
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
    if (isEndAnnounced) outgoing.setHeader('connection', 'close')
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
      if (isEnding && connection.responses.length === 0) socket.end()
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
    unsent: () => [...open.values()].reduce((sum, { responses }) => sum + responses.length, 0),
    announceEnd() {
      isEndAnnounced = true
      for (const { responses } of open.values())
        for (const response of responses) if (!response.headersSent) response.setHeader('connection', 'close')
    },
    end() {
      isEnding = true
      // Browsers and pools connect ahead of their requests; Node does not count such connections as idle.
      for (const [socket, { responses }] of open) if (responses.length === 0) socket.destroy()
    },
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
