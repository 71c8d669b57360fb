/** The `subgraph` part of the configuration: what gateways compose. */
import { z } from 'zod'

/** The versions of Federation 2 that the SDL can be printed for. */
export const federationVersions = ['2.3', '2.5', '2.9'] as const
export type FederationVersion = (typeof federationVersions)[number]

export const subgraphOptions = z.strictObject({
  authenticated: z.boolean().default(true).meta({
    description:
      'Whether the SDL for gateways announces `@authenticated`. Apollo Gateway and an Apollo Router without a licence do not start with it; it is enforced here either way.',
  }),
  root_fields: z.boolean().default(true).meta({
    description:
      'Whether the SDL for gateways has the root fields. `false` leaves the entity `User` only, for a graph that has `me`, `user` or `users` already.',
  }),
  federation: z.enum(federationVersions).default('2.9').meta({
    description:
      'The version of Federation that the SDL is printed for. What a version does not have is left out: `@cost` and `@listSize` before 2.9, `@authenticated` before 2.5.',
  }),
  introspection: z.boolean().default(true).meta({
    description:
      'Whether introspection shows the names of federation: `_entities`, `_service`, `_Any`, `_Entity`, `_Service`. `false` shows what `schema.graphql` has; tools that find entities by introspection then need the SDL.',
  }),
})

export type SubgraphOptions = z.output<typeof subgraphOptions>
