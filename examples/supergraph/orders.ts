/** The second subgraph: orders and their buyers. What it knows of a buyer is the key, `id`; tokengraph knows the rest. */
import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { listen } from '../../src/http/node.ts'
import type { Listening } from '../../src/http/node.ts'

export interface OrderRow {
  readonly id: string
  readonly buyer_id: string
  /** Cents. */
  readonly total: number
}

export const ordersSdl = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])

type Query {
  orders: [Order!]!
}

type Order @key(fields: "id") {
  id: ID!
  buyer: User!
  "In cents."
  total: Int!
}

type User @key(fields: "id") {
  id: ID!
  orders: [Order!]!
}
`

/** Serves the orders on this machine; port 0 is any free one. */
export function startOrders(rows: readonly OrderRow[], port = 0): Promise<Listening> {
  const toOrder = ({ id, buyer_id, total }: OrderRow) => ({ id, total, buyer: { id: buyer_id } })
  const schema = buildSubgraphSchema({
    typeDefs: parse(ordersSdl),
    resolvers: {
      Query: { orders: () => rows.map(toOrder) },
      User: { orders: ({ id }: { id: string }) => rows.filter((row) => row.buyer_id === id).map(toOrder) },
      Order: {
        __resolveReference: ({ id }: { id: string }) => rows.filter((row) => row.id === id).map(toOrder)[0] ?? null,
      },
    },
  })
  const yoga = createYoga({ schema, logging: false, graphiql: false, landingPage: false })
  return listen((request, response) => void yoga(request, response), { host: '127.0.0.1', port })
}
