/** The Node shell around the app: listens, and drains when it is told to stop. */
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'

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
  const running = new Set<object>()
  const server = createServer((request, response) => {
    running.add(response)
    response.once('close', () => running.delete(response))
    if (draining) response.setHeader('connection', 'close')
    handler(request, response)
  })
  await bind(server, { host, port })
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${String(bound)}`,
    drain: async (drain_seconds) => {
      draining = true
      const closed = new Promise<void>((resolve) =>
        server.close(() => {
          resolve()
        }),
      )
      // A request that was running when the draining began keeps its connection alive afterwards.
      const sweep = setInterval(() => {
        server.closeIdleConnections()
      }, 50)
      let cut = 0
      const deadline = setTimeout(() => {
        cut = running.size
        server.closeAllConnections()
      }, drain_seconds * 1000)
      await closed
      clearInterval(sweep)
      clearTimeout(deadline)
      return cut
    },
  }
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
