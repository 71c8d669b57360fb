/** `subgraph.graphql` fits beside other subgraphs, and what it says arrives in the supergraph. */
import { Kind, parse, print, visit } from 'graphql'
import type { ASTNode, ConstDirectiveNode } from 'graphql'
import { describe, expect, it } from 'vitest'
import { compose } from '../../examples/supergraph/compose.ts'
import type { Subgraph } from '../../examples/supergraph/compose.ts'
import { ordersSdl } from '../../examples/supergraph/orders.ts'
import { composeWithApollo } from './apollo-gateway.ts'
import { calendarSdl } from './calendar.ts'
import { subgraphSdl } from './system.ts'

const composers: readonly (readonly [string, (subgraphs: readonly Subgraph[]) => string])[] = [
  ['@theguild/federation-composition', compose],
  ['@apollo/composition', composeWithApollo],
]

const tokengraph = { name: 'tokengraph', url: 'http://tokengraph.invalid/graphql', sdl: subgraphSdl }
const orders = { name: 'orders', url: 'http://orders.invalid/graphql', sdl: ordersSdl }
const calendar = (directives?: string) => ({
  name: 'calendar',
  url: 'http://calendar.invalid/graphql',
  sdl: calendarSdl(directives),
})

describe.each(composers)('%s', (_, composeWith) => {
  it('keeps every directive of the subgraph at its place', () => {
    const supergraph = directivesByPlace(composeWith([tokengraph, orders]))
    const announced = directivesByPlace(subgraphSdl)
    announced.delete('schema') // the link to the federation specification, which becomes the supergraph's own

    expect(new Set([...announced.values()].flat().map(nameOf))).toEqual(
      new Set(['@authenticated', '@cost', '@key', '@listSize', '@specifiedBy', '@tag']),
    )
    for (const [place, directives] of announced)
      for (const directive of directives)
        expect(supergraph.get(place), place).toContainEqual(
          directive.startsWith('@key')
            ? expect.stringMatching(/^@join__type\(graph: TOKENGRAPH, key: "id"/)
            : directive,
        )
  })

  it('lets the other subgraph use @requiresScopes, which survives', () => {
    const sdl = ordersSdl
      .replace('"@key"', '"@key", "@requiresScopes"')
      .replace('total: Int!', 'total: Int! @requiresScopes(scopes: [["orders:read"]])')
    expect(directivesByPlace(composeWith([tokengraph, { ...orders, sdl }])).get('Order.total')).toContain(
      '@requiresScopes(scopes: [["orders:read"]])',
    )
  })

  it('lets another subgraph require a token only where it announces what the token field announces', () => {
    expect(() => composeWith([tokengraph, calendar('')])).toThrow(/"User.next_event" does not specify necessary/)
    expect(composeWith([tokengraph, calendar('@authenticated')])).toContain('next_event')
  })

  it('composes at Federation 2.9', () => {
    expect(subgraphSdl).toContain('https://specs.apollo.dev/federation/v2.9')
    const supergraph = composeWith([tokengraph, orders])
    // @cost and @listSize came with 2.9; an older link would have lost them
    expect(supergraph).toContain('https://specs.apollo.dev/cost/v0.1')
    expect(supergraph).toContain('https://specs.apollo.dev/authenticated/v0.1')
  })
})

/** The printed directives by place: `User`, `User.id`, `JSON`. */
function directivesByPlace(sdl: string): Map<string, string[]> {
  const places = new Map<string, string[]>()
  let type = ''
  const note = (place: string, directives: readonly ConstDirectiveNode[] = []) => {
    if (directives.length > 0) places.set(place, [...(places.get(place) ?? []), ...directives.map(print)])
  }
  visit(parse(sdl), {
    enter(node: ASTNode) {
      if (node.kind === Kind.SCHEMA_DEFINITION || node.kind === Kind.SCHEMA_EXTENSION) note('schema', node.directives)
      else if (node.kind === Kind.FIELD_DEFINITION) note(`${type}.${node.name.value}`, node.directives)
      else if (node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.SCALAR_TYPE_DEFINITION) {
        type = node.name.value
        note(type, node.directives)
      }
    },
  })
  return places
}

function nameOf(directive: string): string {
  return /^@\w+/.exec(directive)![0]
}
