/** Subgraph SDL in, supergraph SDL out: no network, no account, nothing to install. */
import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'

export interface Subgraph {
  readonly name: string
  /** Where the gateway asks it, as `http://127.0.0.1:4000/graphql`. */
  readonly url: string
  readonly sdl: string
}

/** Throws with every reason when the subgraphs do not fit together. */
export function compose(subgraphs: readonly Subgraph[]): string {
  const { supergraphSdl, errors = [] } = composeServices(
    subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
  )
  if (supergraphSdl === undefined) throw new Error(errors.map(({ message }) => message).join('\n'))
  return supergraphSdl
}
