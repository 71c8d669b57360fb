/** The Pothos builder: context, scalars and directives; no types. */
import SchemaBuilder from '@pothos/core'
import DirectivesPlugin from '@pothos/plugin-directives'
import type { JsonObject } from '../lib/json.ts'
import type { GraphContext } from './graph-context.ts'

export const builder = new SchemaBuilder<{
  Context: GraphContext
  /** The Federation 2.9 directives in use; the federation link in `sdl.ts` imports each of them. */
  Directives: {
    key: { locations: 'OBJECT'; args: { fields: string } }
    authenticated: { locations: 'FIELD_DEFINITION'; args: Record<string, never> }
    cost: { locations: 'FIELD_DEFINITION'; args: { weight: number } }
    listSize: { locations: 'FIELD_DEFINITION'; args: { assumedSize: number } }
    tag: { locations: 'FIELD_DEFINITION'; args: { name: string } }
  }
  Scalars: {
    ID: { Input: string; Output: string }
    JSON: { Input: never; Output: JsonObject }
    UnixTimestamp: { Input: never; Output: number }
    _Any: { Input: Record<string, unknown>; Output: never }
  }
}>({
  plugins: [DirectivesPlugin],
  directives: { useGraphQLToolsUnorderedDirectives: true },
})

builder.queryType({ description: 'Reads; nothing here changes an account or a token.' })
builder.mutationType({ description: 'Connects accounts and gives them up, where this server keeps them itself.' })
