/** Cosmo's composition, which `wgc` runs. */
import { federateSubgraphs, LATEST_ROUTER_COMPATIBILITY_VERSION } from '@wundergraph/composition'
import { parse, printSchema } from 'graphql'
import type { Subgraph } from '../../examples/supergraph/compose.ts'

/** The schema that clients of the router see; throws with every reason when the subgraphs do not fit together. */
export function composeWithCosmo(subgraphs: readonly Subgraph[]): string {
  const result = federateSubgraphs({
    subgraphs: subgraphs.map(({ name, url, sdl }) => ({ name, url, definitions: parse(sdl) })),
    version: LATEST_ROUTER_COMPATIBILITY_VERSION,
  })
  if (!result.success) throw new Error(result.errors.map(({ message }) => message).join('\n'))
  return printSchema(result.federatedGraphClientSchema)
}
