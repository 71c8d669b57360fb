/** The Node shell around the app: listens, and drains when it is told to stop. */
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { hasReadableUrl, refuseUnreadable, refuseUrl } from './refuse-unreadable.ts'

export interface Listening {
  /** As `http://127.0.0.1:4000`. */
  readonly url: string
  /**
   * Stops accepting, lets running requests finish for at most `drain_seconds`, then closes what is left. Resolves to
   * the number of connections that had to be cut.
   */
  drain(drain_seconds: number): Promise<number>
}

export interface Address {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

/** Rejects with a message for the operator when the address cannot be had. */
export async function listen(handler: RequestListener, { host, port }: Address): Promise<Listening> {
  let draining = false
  const open = new Set<Socket>()
  const busy = new Set<Socket>()
  const server = createServer((request, response) => {
    const { socket } = request
    busy.add(socket)
    response.once('close', () => {
      busy.delete(socket)
      if (draining) socket.end()
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

  async function drain(drain_seconds: number): Promise<number> {
    draining = true
    const closed = new Promise<void>((resolve) => {
      server.close(() => {
        resolve()
      })
    })
    // Browsers and pools connect ahead of their requests; Node does not count such connections as idle.
    for (const socket of open) if (!busy.has(socket)) socket.destroy()
    let cut = 0
    const deadline = setTimeout(() => {
      cut = busy.size
      server.closeAllConnections()
    }, drain_seconds * 1000)
    await closed
    clearTimeout(deadline)
    return cut
  }

  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${String(bound)}`, drain }
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
