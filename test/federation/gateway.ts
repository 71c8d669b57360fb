/** What the suite needs of a gateway, whichever it is. */
import type { Subgraph } from '../../examples/supergraph/compose.ts'

interface Gateway extends AsyncDisposable {
  /** Of the graph: `http://127.0.0.1:PORT/graphql`. */
  readonly url: string
}

/** Composes the subgraphs and listens on a free port. */
export type StartGateway = (options: {
  readonly subgraphs: readonly Subgraph[]
  readonly forwardAuthorization: boolean
}) => Promise<Gateway>
