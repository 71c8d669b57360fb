/** The printed forms of the schema: as clients see it, in SDL and as JSON, and as a federated gateway composes it. */
import { filterSchema, MapperKind, mapSchema, printSchemaWithDirectives, pruneSchema } from '@graphql-tools/utils'
import { introspectionFromSchema, lexicographicSortSchema, printSchema } from 'graphql'
import type { GraphQLSchema } from 'graphql'

/** What a gateway composes; `authenticated: false` leaves `@authenticated` out, for gateways that cannot have it. */
export interface SubgraphOptions {
  readonly authenticated: boolean
}

const printed = new WeakMap<GraphQLSchema, Map<boolean, string>>()

/** The API as clients see it: plain GraphQL, sorted, without the subgraph's own fields. */
export function printClientSchema(schema: GraphQLSchema): string {
  return `${printSchema(lexicographicSortSchema(clientSchema(schema)))}\n`
}

/** The same as the JSON of an introspection result, for tools that read no SDL. */
export function printIntrospection(schema: GraphQLSchema): string {
  const options = { specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true, oneOf: true }
  const result = introspectionFromSchema(lexicographicSortSchema(clientSchema(schema)), options)
  return `${JSON.stringify(result, null, 2)}\n`
}

/** The Federation SDL, sorted; printed once for each schema and form. */
export function printSubgraph(
  schema: GraphQLSchema,
  { authenticated }: SubgraphOptions = { authenticated: true },
): string {
  const known = printed.get(schema)?.get(authenticated)
  if (known !== undefined) return known
  const sorted = lexicographicSortSchema(clientSchema(schema))
  const types = printSchemaWithDirectives(authenticated ? sorted : withoutAuthenticated(sorted))
  const sdl = `${federationLink(authenticated)}\n${types}\n`
  printed.set(schema, (printed.get(schema) ?? new Map<boolean, string>()).set(authenticated, sdl))
  return sdl
}

// 2.9 is the newest link that both Apollo's composition and the MIT one accept, and the first with @cost.
function federationLink(authenticated: boolean): string {
  const directives = [...(authenticated ? ['@authenticated'] : []), '@cost', '@key', '@listSize', '@tag']
  return `extend schema
  @link(
    url: "https://specs.apollo.dev/federation/v2.9"
    import: [${directives.map((name) => JSON.stringify(name)).join(', ')}]
  )
`
}

function withoutAuthenticated(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field) => {
      const { authenticated: _, ...directives } = (field.extensions?.directives ?? {}) as Record<string, unknown>
      return { ...field, astNode: undefined, extensions: { ...field.extensions, directives } }
    },
  })
}

/** `_entities` and `_service` belong to the gateway's protocol: a gateway adds them itself when it composes. */
function clientSchema(schema: GraphQLSchema): GraphQLSchema {
  return pruneSchema(filterSchema({ schema, rootFieldFilter: (_, field) => !field.startsWith('_') }))
}
