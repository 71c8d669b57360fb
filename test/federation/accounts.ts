/** A subgraph that knows the users, as most graphs have one: it owns `me`, `user`, `users` and a type `Provider`. */
import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { listen } from '../../src/http/node.ts'
import type { Listening } from '../../src/http/node.ts'

export function accountsSdl(federation = '2.9'): string {
  return `extend schema @link(url: "https://specs.apollo.dev/federation/v${federation}", import: ["@key"])
  type Query {
    me: User
    user(id: ID!): User
    users(first: Int): [User!]!
    providers: [Provider!]!
  }
  type User @key(fields: "id") { id: ID! name: String! }
  type Provider { id: ID! region: String! }`
}

/** Every user that is asked for exists; \`me\` is `user_1`. */
export async function startAccounts(): Promise<Listening> {
  const userOf = (id: string) => ({ id, name: `Ada of ${id}` })
  const schema = buildSubgraphSchema({
    typeDefs: parse(accountsSdl()),
    resolvers: {
      Query: {
        me: () => userOf('user_1'),
        user: (_: unknown, { id }: { id: string }) => userOf(id),
        users: (_: unknown, { first }: { first: number }) =>
          Array.from({ length: first }, (__, n) => userOf(`user_${n + 1}`)),
        providers: () => [{ id: 'p1', region: 'eu' }],
      },
    },
  })
  const yoga = createYoga({ schema, logging: false, graphiql: false, landingPage: false })
  return listen((request, response) => void yoga(request, response), { host: '127.0.0.1', port: 0 })
}
