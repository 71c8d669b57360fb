/** A plugin of GraphQL Code Generator: prints the Pothos schema in the form that `config.sdl` names. */
import { schema } from '../src/schema/index.ts'
import { printClientSchema, printSubgraph } from '../src/schema/sdl.ts'

export function plugin(_schema: unknown, _documents: unknown, config: { sdl: 'client' | 'subgraph' }): string {
  return config.sdl === 'subgraph' ? printSubgraph(schema) : printClientSchema(schema)
}
