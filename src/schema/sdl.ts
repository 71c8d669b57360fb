/** The printed forms of the schema: as clients see it, in SDL and as JSON, and as a federated gateway composes it. */
import { filterSchema, printSchemaWithDirectives, pruneSchema } from '@graphql-tools/utils'
import {
  introspectionFromSchema,
  isTypeDefinitionNode,
  lexicographicSortSchema,
  parse,
  print,
  printSchema,
  visit,
} from 'graphql'
import type { DefinitionNode, DocumentNode, GraphQLSchema } from 'graphql'
import { subgraphOptions } from './options.ts'
import type { FederationVersion, SubgraphOptions } from './options.ts'

/** The version that each directive came with. */
const since: Readonly<Record<string, FederationVersion>> = {
  authenticated: '2.5',
  cost: '2.9',
  key: '2.3',
  listSize: '2.9',
  tag: '2.3',
}

const printed = new WeakMap<GraphQLSchema, Map<string, string>>()

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
export function printSubgraph(schema: GraphQLSchema, options: Partial<SubgraphOptions> = {}): string {
  const form = subgraphOptions.parse(options)
  const name = JSON.stringify([form.authenticated, form.root_fields, form.federation])
  const forms = printed.get(schema) ?? new Map<string, string>()
  printed.set(schema, forms)
  const sdl = forms.get(name) ?? printForm(schema, form)
  forms.set(name, sdl)
  return sdl
}

function printForm(schema: GraphQLSchema, { authenticated, root_fields, federation }: SubgraphOptions): string {
  const has = (directive: string): boolean =>
    (since[directive] ?? '2.3') <= federation && (directive !== 'authenticated' || authenticated)
  const imports = Object.keys(since).filter(has)
  const link = `extend schema
  @link(
    url: "https://specs.apollo.dev/federation/v${federation}"
    import: [${imports.map((directive) => `"@${directive}"`).join(', ')}]
  )
`
  const all = printSchemaWithDirectives(lexicographicSortSchema(clientSchema(schema)))
  if (root_fields && imports.length === Object.keys(since).length) return `${link}\n${all}\n`
  const document = visit(parse(all, { noLocation: true }), {
    Directive: ({ name }) => (name.value in since && !has(name.value) ? null : undefined),
  })
  return `${link}\n${print(root_fields ? document : onlyEntities(document))}\n`
}

/** The entity and the types that its fields lead to. */
function onlyEntities({ kind, definitions }: DocumentNode): DocumentNode {
  const byName = new Map(
    definitions.flatMap((definition) =>
      isTypeDefinitionNode(definition) ? [[definition.name.value, definition] as const] : [],
    ),
  )
  const reached = new Set<string>()
  function reach(type: string): void {
    const definition = byName.get(type)
    if (definition === undefined || reached.has(type)) return
    reached.add(type)
    visit(definition, {
      NamedType: ({ name }) => {
        reach(name.value)
      },
    })
  }
  reach('User')
  return {
    kind,
    definitions: definitions.filter((definition) => byName.has(nameOf(definition)) && reached.has(nameOf(definition))),
  }
}

function nameOf(definition: DefinitionNode): string {
  return 'name' in definition ? definition.name.value : ''
}

/** The schema without `_entities` and `_service`, which a gateway adds itself when it composes. */
export function clientSchema(schema: GraphQLSchema): GraphQLSchema {
  return pruneSchema(filterSchema({ schema, rootFieldFilter: (_, field) => !field.startsWith('_') }))
}
