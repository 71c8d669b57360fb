/** Every way through the schema from a root field to a leaf. */
import { getNamedType, isInterfaceType, isObjectType, isUnionType } from 'graphql'
import type { GraphQLNamedType, GraphQLObjectType, GraphQLSchema } from 'graphql'

/** A field on the way; `of` is the type that holds it. */
export interface Step {
  readonly of: string
  readonly field: string
}

/** The last step is the leaf. */
export type Way = readonly Step[]

export const coordinateOf = ({ of, field }: Step): string => `${of}.${field}`
export const wayText = (way: Way): string => way.map(coordinateOf).join(' > ')

/** All ways from every root type; a way does not visit a type twice, because that leads to no new kind of place. */
export function findWays(schema: GraphQLSchema): readonly Way[] {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  return roots.flatMap((root) => (root == null ? [] : walk(schema, root, [], new Set())))
}

function walk(schema: GraphQLSchema, type: GraphQLObjectType, before: Way, visited: ReadonlySet<string>): Way[] {
  const seen = new Set([...visited, type.name])
  return Object.values(type.getFields()).flatMap((field) => {
    const way = [...before, { of: type.name, field: field.name }]
    const target = getNamedType(field.type)
    const objects = objectsOf(schema, target)
    if (objects.length === 0) return [way]
    return objects.filter(({ name }) => !seen.has(name)).flatMap((object) => walk(schema, object, way, seen))
  })
}

function objectsOf(schema: GraphQLSchema, type: GraphQLNamedType): readonly GraphQLObjectType[] {
  if (isObjectType(type)) return [type]
  return isUnionType(type) || isInterfaceType(type) ? schema.getPossibleTypes(type) : []
}
