/** Read by Hive Gateway, and by test/deploy/compose.system.test.ts. */
interface Propagation {
  readonly request: Request
  readonly subgraphName: string
}

export const gatewayConfig = {
  // tokengraph decides by the caller's own credential, which reaches it and no other subgraph.
  propagateHeaders: {
    fromClientToSubgraphs: ({ request, subgraphName }: Propagation) =>
      subgraphName === 'tokengraph' ? { authorization: request.headers.get('authorization') } : {},
  },
}
