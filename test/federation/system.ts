/** A whole federation on this machine: gateway → recorder → our server → a strict local Clerk, with orders and a calendar. */
import { readFileSync } from 'node:fs'
import { ordersSdl, startOrders } from '../../examples/supergraph/orders.ts'
import type { OrderRow } from '../../examples/supergraph/orders.ts'
import { startClerk } from '../servers/clerk.ts'
import { startIssuer } from '../servers/jwks.ts'
import { startTestServer } from '../kit/server.ts'
import type { Answer } from '../kit/server.ts'
import type { Listening } from '../../src/http/node.ts'
import { accountsSdl, startAccounts } from './accounts.ts'
import { calendarSdl, startCalendar } from './calendar.ts'
import type { StartGateway } from './gateway.ts'
import { startRecorder } from './recorder.ts'

/** The committed file: what an operator composes. */
export const subgraphSdl = readFileSync(new URL('../../subgraph.graphql', import.meta.url), 'utf8')

async function openAccounts(stack: AsyncDisposableStack): Promise<Listening> {
  const accounts = await startAccounts()
  stack.defer(async () => {
    await accounts.drain(0)
  })
  return accounts
}

interface FederationOptions {
  readonly orders?: readonly OrderRow[]
  readonly forwardAuthorization?: boolean
  /** The form of this server's subgraph; the committed file when left out. */
  readonly sdl?: string
  /** Whether the subgraph of users takes the place of the calendar, which needs the whole of tokengraph's. */
  readonly accounts?: boolean
}

export async function startFederation(
  startGateway: StartGateway,
  { orders = [], forwardAuthorization = true, sdl = subgraphSdl, accounts = false }: FederationOptions = {},
) {
  await using stack = new AsyncDisposableStack()
  const clerk = stack.use(await startClerk())
  const issuer = stack.use(await startIssuer())
  const server = stack.use(
    await startTestServer({
      file: {
        upstreams: { clerk: clerk.options() },
        auth: { issuers: [issuer.options()] },
      },
    }),
  )
  const recorder = stack.use(await startRecorder(`${server.url}/graphql`))
  const ordersService = await startOrders(orders)
  stack.defer(async () => {
    await ordersService.drain(0)
  })
  const calendar = await startCalendar()
  stack.defer(async () => {
    await calendar.drain(0)
  })
  const third = accounts
    ? { name: 'accounts', url: `${(await openAccounts(stack)).url}/graphql`, sdl: accountsSdl() }
    : { name: 'calendar', url: `${calendar.url}/graphql`, sdl: calendarSdl() }
  const subgraphs = [
    { name: 'tokengraph', url: recorder.url, sdl },
    { name: 'orders', url: `${ordersService.url}/graphql`, sdl: ordersSdl },
    third,
  ]
  const gateway = stack.use(await startGateway({ subgraphs, forwardAuthorization }))
  const running = stack.move()

  return {
    clerk,
    issuer,
    server,
    recorder,
    calendar,
    gateway,
    /** Asks the gateway; the bearer is the key that may read everything unless it is given; null: none. */
    async ask<Data = Record<string, unknown>>(
      query: string,
      bearer: string | null = server.key,
    ): Promise<Answer<Data>> {
      const response = await fetch(gateway.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        },
        body: JSON.stringify({ query }),
      })
      return (await response.json()) as Answer<Data>
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
