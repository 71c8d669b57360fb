/** The two printed forms of the schema: as clients see it, and as a federated gateway composes it. */
import { filterSchema, printSchemaWithDirectives, pruneSchema } from '@graphql-tools/utils'
import { lexicographicSortSchema, printSchema } from 'graphql'
import type { GraphQLSchema } from 'graphql'

// 2.9 is the newest link that both Apollo's composition and the MIT one accept, and the first with @cost (ANCHORS 5.1).
const FEDERATION_LINK = `extend schema
  @link(
    url: "https://specs.apollo.dev/federation/v2.9"
    import: ["@authenticated", "@cost", "@key", "@listSize", "@tag"]
  )
`

const printed = new WeakMap<GraphQLSchema, string>()

/** The API as clients see it: plain GraphQL, sorted, without the subgraph's own fields. */
export function printClientSchema(schema: GraphQLSchema): string {
  return `${printSchema(lexicographicSortSchema(clientSchema(schema)))}\n`
}

/** The Federation SDL, sorted; printed once for each schema. */
export function printSubgraph(schema: GraphQLSchema): string {
  const known = printed.get(schema)
  if (known !== undefined) return known
  const types = printSchemaWithDirectives(lexicographicSortSchema(clientSchema(schema)))
  const sdl = `${FEDERATION_LINK}\n${types}\n`
  printed.set(schema, sdl)
  return sdl
}

/** `_entities` and `_service` belong to the gateway's protocol: a gateway adds them itself when it composes. */
function clientSchema(schema: GraphQLSchema): GraphQLSchema {
  return pruneSchema(filterSchema({ schema, rootFieldFilter: (_, field) => !field.startsWith('_') }))
}
