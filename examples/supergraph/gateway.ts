/** Hive Gateway over a composed supergraph, with its page. */
import type { RequestListener } from 'node:http'
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime'
import type { GatewayConfigSupergraph } from '@graphql-hive/gateway-runtime'
import httpTransport from '@graphql-mesh/transport-http'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import { listen } from '../../src/http/node.ts'
import type { Listening } from '../../src/http/node.ts'
import { isLoopback } from '../../src/lib/url.ts'

export interface GatewayOptions {
  readonly supergraph: string
  /** 0: any free port. */
  readonly port?: number
  /** Anything else that the gateway can be told. */
  readonly settings?: Partial<GatewayConfigSupergraph>
}

/** Listens on this machine; `close` also ends the gateway's connections. */
export async function startGateway({
  supergraph,
  port = 0,
  settings = {},
}: GatewayOptions): Promise<Listening & AsyncDisposable> {
  const gateway = createGatewayRuntime({
    supergraph,
    transports: { http: httpTransport },
    // Who asks is decided in the subgraph, so the caller's credential must get there. Headers that are added anywhere
    // else (`onFetch`) are not part of the key by which the gateway merges equal requests to a subgraph.
    propagateHeaders: {
      fromClientToSubgraphs: ({ request, subgraphName }) =>
        subgraphName === 'tokengraph' ? { authorization: request.headers.get('authorization') } : {},
    },
    renderGraphiQL,
    logging: false,
    ...settings,
  })
  const handle: RequestListener = (request, response) => {
    if (isLocal(request.headers.host)) void gateway(request, response)
    else response.writeHead(403).end('This gateway answers to localhost alone.')
  }
  const listening = await listen(handle, { host: '127.0.0.1', port })
  return {
    ...listening,
    [Symbol.asyncDispose]: async () => {
      await listening.drain(0)
      await gateway.dispose()
    },
  }
}

/** A foreign name that resolves to this machine (DNS rebinding) must not lead a web page here. */
function isLocal(host: string | undefined): boolean {
  const url = `http://${host ?? ''}`
  return URL.canParse(url) && isLoopback(new URL(url).hostname)
}
