/** A third subgraph that wants the user's Google token as the input of a field of its own. */
import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { listen } from '../../src/http/node.ts'
import type { Listening } from '../../src/http/node.ts'

/** What the gateway handed to the resolver of `next_event`. */
interface Representation {
  readonly id: string
  readonly oauth_access_tokens?: readonly { readonly token: string }[] | null
}

/** `directives` stand on the field that requires the token. */
export function calendarSdl(directives = '@authenticated'): string {
  return `extend schema @link(
    url: "https://specs.apollo.dev/federation/v2.9"
    import: ["@authenticated", "@external", "@key", "@requires"]
  )
  type User @key(fields: "id") {
    id: ID!
    oauth_access_tokens(
      external_account_id: ID
      min_validity_seconds: Int = 60
      provider: String!
    ): [OAuthAccessToken!] @external
    next_event: String @requires(fields: "oauth_access_tokens(provider: \\"google\\") { token }") ${directives}
  }
  type OAuthAccessToken { token: String! @external }`
}

export interface Calendar extends Listening {
  readonly received: readonly Representation[]
}

export async function startCalendar(): Promise<Calendar> {
  const received: Representation[] = []
  const schema = buildSubgraphSchema({
    typeDefs: parse(calendarSdl()),
    resolvers: {
      User: {
        next_event: (user: Representation) => {
          received.push(user)
          return user.oauth_access_tokens?.[0] === undefined ? null : 'an invented event'
        },
      },
    },
  })
  const yoga = createYoga({ schema, logging: false, graphiql: false, landingPage: false })
  const listening = await listen((request, response) => void yoga(request, response), { host: '127.0.0.1', port: 0 })
  return { ...listening, received }
}
