/** tokengraph in development mode with its demo vault, the orders, and one gateway over both. */
import { printSubgraph } from '../../src/schema/sdl.ts'
import { schema } from '../../src/schema/index.ts'
import { startServer } from '../../src/main.ts'
import { loadConfig } from '../../src/config/load.ts'
import { DEMO_USER } from '../../src/development/demo.ts'
import { prepareDevelopment } from '../../src/development/development.ts'
import { createLog } from '../../src/log.ts'
import { compose } from './compose.ts'
import { startGateway } from './gateway.ts'
import { ordersSdl, startOrders } from './orders.ts'

export const demoQuery = `{
  orders {
    id
    total
    buyer {
      id
      google: oauth_access_tokens(provider: "google") {
        label
        token
      }
      github: oauth_connection(provider: "github") {
        status
      }
    }
  }
}
`

const demoOrders = [
  { id: 'order_1', buyer_id: DEMO_USER, total: 4200 },
  { id: 'order_2', buyer_id: DEMO_USER, total: 1999 },
  { id: 'order_3', buyer_id: 'user_without_accounts', total: 500 },
]

export interface Supergraph extends AsyncDisposable {
  /** Of the page and of the graph. */
  readonly url: string
  /** Of the two subgraphs behind it. */
  readonly subgraphs: { readonly tokengraph: string; readonly orders: string }
  /** The development key of tokengraph: may read everything in the demo vault. */
  readonly key: string
}

/** `folder` holds the demo vault and its keys; `port` is the gateway's, 0 for any free one. */
export async function startSupergraph({ folder, port }: { folder: string; port: number }): Promise<Supergraph> {
  await using stack = new AsyncDisposableStack()
  const { config, key } = await prepareDevelopment(loadConfig({ env: {} }), folder)
  const log = await createLog({ level: 'warn', readable: false })
  const tokengraph = await startServer({ ...config, listen: { host: '127.0.0.1', port: 0 } }, { log })
  stack.defer(() => tokengraph.stop())
  const orders = await startOrders(demoOrders)
  stack.defer(async () => {
    await orders.drain(0)
  })

  const subgraphs = { tokengraph: `${tokengraph.url}/graphql`, orders: `${orders.url}/graphql` }
  const supergraph = compose([
    { name: 'tokengraph', url: subgraphs.tokengraph, sdl: printSubgraph(schema) },
    { name: 'orders', url: subgraphs.orders, sdl: ordersSdl },
  ])
  const gateway = stack.use(
    await startGateway({
      supergraph,
      port,
      settings: {
        graphiql: {
          title: 'tokengraph and orders',
          defaultQuery: demoQuery,
          headers: JSON.stringify({ Authorization: `Bearer ${key}` }),
        },
        landingPage: false,
        // The page carries the development key: no other origin may read it.
        cors: false,
      },
    }),
  )
  const running = stack.move()
  return { url: `${gateway.url}/graphql`, subgraphs, key, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
