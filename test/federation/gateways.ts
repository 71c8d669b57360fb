/** The gateways that the suite runs against, each really listening, behind one interface. */
import { compose } from '../../examples/supergraph/compose.ts'
import type { Subgraph } from '../../examples/supergraph/compose.ts'
import { startGateway } from '../../examples/supergraph/gateway.ts'
import { startApolloGateway } from './apollo-gateway.ts'

export interface Gateway extends AsyncDisposable {
  /** Of the graph: `http://127.0.0.1:PORT/graphql`. */
  readonly url: string
}

export type StartGateway = (options: {
  readonly subgraphs: readonly Subgraph[]
  readonly forwardAuthorization: boolean
}) => Promise<Gateway>

const startHiveGateway: StartGateway = async ({ subgraphs, forwardAuthorization }) => {
  const supergraph = compose(subgraphs)
  const gateway = await startGateway({ supergraph, settings: forwardAuthorization ? {} : { propagateHeaders: {} } })
  return { url: `${gateway.url}/graphql`, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() }
}

/** By the name in the titles of the tests. */
export const gateways: readonly (readonly [name: string, start: StartGateway])[] = [
  ['Apollo Gateway', startApolloGateway],
  ['Hive Gateway', startHiveGateway],
]
