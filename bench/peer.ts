/**
 * The peer: what a team writes without this server. GraphQL Yoga with a resolver that calls Clerk's official SDK
 * (`@clerk/backend`) for each field, behind one fixed key. `CLERK_API_URL` is the upstream, `PORT` where it listens.
 */
import { createServer } from 'node:http'
import { createClerkClient } from '@clerk/backend'
import { createSchema, createYoga } from 'graphql-yoga'

const clerk = createClerkClient({ secretKey: 'sk_live_invented', apiUrl: process.env.CLERK_API_URL ?? '' })

const yoga = createYoga({
  logging: false,
  schema: createSchema({
    typeDefs: `
      type Query { user(id: ID!): User users(ids: [ID!]!): [User]! }
      type User { id: ID! oauth_access_tokens(provider: String!): [Token!] }
      type Token { token: String! expires_at: Float }
    `,
    resolvers: {
      Query: {
        user: (_, { id }: { id: string }) => ({ id }),
        users: (_, { ids }: { ids: string[] }) => ids.map((id) => ({ id })),
      },
      User: {
        oauth_access_tokens: async ({ id }: { id: string }, { provider }: { provider: 'google' }) => {
          const { data } = await clerk.users.getUserOauthAccessToken(id, provider)
          return data.map(({ token, expiresAt }) => ({ token, expires_at: expiresAt }))
        },
      },
    },
  }),
})

createServer((request, response) => void yoga(request, response)).listen(Number(process.env.PORT), '127.0.0.1', () => {
  process.stdout.write('listening\n')
})
