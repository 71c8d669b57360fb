/** The Pothos builder: context, scalars and directives; no types. */
import SchemaBuilder from '@pothos/core'
import DirectivesPlugin from '@pothos/plugin-directives'
import type { AuditTrail } from '../audit/trail.ts'
import type { OperationAccess } from '../auth/policy.ts'
import type { JsonObject } from '../lib/json.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Loaders } from '../tokens/loaders.ts'
import type { ServedProvider, TokenSource } from '../tokens/source.ts'
import type { SubgraphOptions } from './options.ts'

/** What a resolver may reach: who asks, what they may read, and this request's loaders. */
export interface GraphContext {
  readonly viewer: Viewer
  /** What the viewer may read, for as long as this operation lasts. */
  readonly access: OperationAccess
  /** Where every decision of this operation is put down. */
  readonly audit: AuditTrail
  readonly load: Loaders
  readonly providers: readonly ServedProvider[]
  readonly keeperOf: TokenSource['keeperOf']
  readonly keepers: TokenSource['keepers']
  /** Whether the viewer may read the schema: always in development, by grant in production. */
  readonly maySeeSchema: boolean
  /** What `_service` prints. */
  readonly subgraph: SubgraphOptions
}

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
