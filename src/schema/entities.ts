/**
 * The subgraph's own root fields: `_entities` and `_service` (Apollo Federation subgraph specification).
 *
 * Own code, because every representation must answer by itself: a malformed one is null with one coded error, and the
 * others keep their order (docs/adr/0002-own-entities.md). The federation packages also bring a dependency that is not
 * under a permissive licence (CONTRIBUTING.md).
 */
import { badUserInput, CodedError } from '../errors.ts'
import { checkId } from '../tokens/ids.ts'
import { builder } from './builder.ts'
import { printSubgraph } from './sdl.ts'
import { isolate } from './fields.ts'
import { UserRef } from './user.ts'

const Any = builder.scalarType('_Any', {
  description: 'A representation of an entity: its `__typename` and its key fields.',
  serialize: () => {
    throw new TypeError('_Any is for input only.')
  },
  parseValue: (value) => value as Record<string, unknown>,
})

const Entity = builder.unionType('_Entity', {
  description: 'Every type with a `@key`.',
  types: [UserRef],
  resolveType: () => UserRef,
})

const Service = builder.objectRef<object>('_Service').implement({
  description: 'What a gateway reads to compose this subgraph.',
  fields: (t) => ({
    sdl: t.string({
      nullable: false,
      description: 'The schema of this subgraph with its federation directives.',
      resolve: (_, __, context, info) => printSubgraph(info.schema, context.subgraph),
    }),
  }),
})

builder.queryFields((t) => ({
  _entities: t.field({
    type: [Entity],
    nullable: { list: false, items: true },
    description: 'Resolves the representations that a gateway holds, each by itself and in order.',
    args: { representations: t.arg({ type: [Any], required: true, description: 'The representations.' }) },
    // one promise each, so that a representation that is refused rejects only its own place in the list
    resolve: (_, { representations }) => isolate(representations, readRepresentation),
  }),
  _service: t.field({
    type: Service,
    nullable: false,
    description: 'The subgraph itself, for gateways that compose it.',
    resolve: (_, __, context) => {
      if (!context.maySeeSchema)
        throw new CodedError(context.viewer.kind === 'anonymous' ? 'UNAUTHENTICATED' : 'FORBIDDEN')
      return {}
    },
  }),
}))

function readRepresentation(representation: unknown): { readonly id: string } {
  if (typeof representation !== 'object' || representation === null)
    throw badUserInput('A representation must be an object with __typename and its key fields.')
  const { __typename, id } = representation as Record<string, unknown>
  if (__typename !== 'User')
    throw badUserInput('A representation must have the __typename of an entity of this subgraph.')
  // The specification of ID allows a number; one that JSON cannot hold exactly would be the id of another user.
  if (typeof id !== 'string' && !Number.isSafeInteger(id))
    throw badUserInput('A representation of User must have its key field id, a string or an exact integer.')
  return { id: checkId(String(id), 'id') }
}
