/** A real gateway → a tap → the server, which requires a proof of the gateway; orders are the second subgraph. */
import { ordersSdl, startOrders } from '../../examples/supergraph/orders.ts'
import type { StartGateway } from '../federation/gateway.ts'
import { subgraphSdl } from '../federation/system.ts'
import { startIssuer } from '../servers/jwks.ts'
import type { Answer } from '../kit/server.ts'
import { startProved } from './support.ts'
import { startTap } from './tap.ts'

/** `gateway` is that part of the configuration. `user_1` and `user_2` have one token each. */
export async function startBehindGateway(startGateway: StartGateway, gateway: unknown) {
  await using stack = new AsyncDisposableStack()
  const issuer = stack.use(await startIssuer())
  const proved = stack.use(await startProved(gateway, { file: { auth: { issuers: [issuer.options()] } } }))
  proved.clerk.addTokens('user_2', 'oauth_google', [{ token: 'invented-token-of-user-2' }])
  const tap = stack.use(await startTap(proved.server.url))
  const orders = await startOrders([
    { id: 'order_1', buyer_id: 'user_1', total: 1 },
    { id: 'order_2', buyer_id: 'user_2', total: 2 },
  ])
  stack.defer(async () => {
    await orders.drain(0)
  })
  const subgraphs = [
    { name: 'tokengraph', url: `${tap.url}/graphql`, sdl: subgraphSdl },
    { name: 'orders', url: `${orders.url}/graphql`, sdl: ordersSdl },
  ]
  const running = stack.use(await startGateway({ subgraphs, forwardAuthorization: true }))
  const all = stack.move()
  return {
    proved,
    issuer,
    tap,
    /** Asks the gateway. */
    async ask(query: string, bearer: string | null = proved.server.key): Promise<Answer> {
      const response = await fetch(running.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        },
        body: JSON.stringify({ query }),
      })
      return (await response.json()) as Answer
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

export const mine = '{ me { id oauth_access_tokens(provider: "google") { token } } }'
export const buyers = '{ orders { buyer { id oauth_access_tokens(provider: "google") { token } } } }'
export const user = (id: string) => ({
  id,
  oauth_access_tokens: [{ token: `invented-token-of-${id.replace('_', '-')}` }],
})
