/** A web server of somebody else, on a port of its own, with an empty page. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HostileServer extends AsyncDisposable {
  /** The same site as a server on 127.0.0.1, because a site has no port: its cookies come along. */
  readonly sameSite: string
  /** Another name of the same machine: another site. */
  readonly crossSite: string
}

export async function startHostileServer(): Promise<HostileServer> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>Somebody else</title><body></body>')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const port = String((server.address() as AddressInfo).port)
  return {
    sameSite: `http://127.0.0.1:${port}/`,
    crossSite: `http://localhost:${port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
