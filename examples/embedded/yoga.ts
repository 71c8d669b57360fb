/**
 * The types of the graph inside of a Yoga server of one's own, with one's own users. `x-user` takes the place of a session here.
 * `node examples/embedded/yoga.ts tokengraph.yaml 3000` in the repository; an application imports 'tokengraph'.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeExecutableSchema, mergeSchemas } from '@graphql-tools/schema'
import { createYoga } from 'graphql-yoga'
import { createTokengraph } from '../../src/index.ts'

const [config = 'tokengraph.yaml', port = '3000'] = process.argv.slice(2)
const tokengraph = await createTokengraph({ config })

// Or the schema of a Pothos builder.
const own = makeExecutableSchema({
  typeDefs: 'type Query { hello: String! }',
  resolvers: { Query: { hello: () => 'my own field' } },
})

const yoga = createYoga({
  schema: mergeSchemas({ schemas: [own, tokengraph.schema] }),
  plugins: [tokengraph.plugin],
  context({ request }) {
    const user = request.headers.get('x-user')
    return { tokengraph: tokengraph.contextFor(user === null ? null : { user }, { signal: request.signal }) }
  },
})

const server = createServer((request, response) => void yoga(request, response))
server.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}\n`)
})
process.once('SIGTERM', () => {
  server.close(() => void tokengraph.close())
  server.closeIdleConnections()
})
