/**
 * `node serve.mjs NAME PORT`: one peer, on 127.0.0.1. Each resolves from memory through a DataLoader per request and has
 * no guard at all. What a peer does not use is not loaded, so that its memory is its own.
 */
import { createServer } from 'node:http'
import { answer, readRows, typeDefs } from '../graph.ts'

const [name, port] = [process.argv[2], Number(process.argv[3])]
const HOST = '127.0.0.1'

const resolvers = {
  Query: {
    user: (_, { id }) => ({ id }),
    users: (_, { ids }) => ids.map((id) => ({ id })),
  },
  User: {
    oauth_access_tokens: ({ id }, { provider }, { loader }) => loader.load(`${id}\0${provider}`),
  },
}

async function contextMaker() {
  const { default: DataLoader } = await import('dataloader')
  return () => ({ loader: new DataLoader(async (keys) => keys.map((key) => readRows(...key.split('\0')))) })
}

/** `node:http` and `JSON.stringify`, and nothing of GraphQL. */
function raw() {
  createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const text = JSON.stringify({ data: answer(JSON.parse(Buffer.concat(chunks))) })
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.end(text)
    })
  }).listen(port, HOST)
}

async function yoga({ jit }) {
  const { createSchema, createYoga } = await import('graphql-yoga')
  const plugins = jit ? [(await import('@envelop/graphql-jit')).useGraphQlJit()] : []
  const schema = createSchema({ typeDefs, resolvers })
  createServer(createYoga({ schema, plugins, logging: false, context: await contextMaker() })).listen(port, HOST)
}

async function mercurius({ jit }) {
  const { default: fastify } = await import('fastify')
  const { default: plugin } = await import('mercurius')
  const { makeExecutableSchema } = await import('@graphql-tools/schema')
  const app = fastify()
  const schema = makeExecutableSchema({ typeDefs, resolvers })
  await app.register(plugin, { schema, jit: jit ? 1 : 0, context: await contextMaker() })
  await app.listen({ port, host: HOST })
}

async function apollo() {
  const { ApolloServer } = await import('@apollo/server')
  const { startStandaloneServer } = await import('@apollo/server/standalone')
  const makeContext = await contextMaker()
  const server = new ApolloServer({ typeDefs, resolvers })
  await startStandaloneServer(server, { listen: { port, host: HOST }, context: async () => makeContext() })
}

const peers = {
  raw,
  yoga: () => yoga({ jit: false }),
  'yoga-jit': () => yoga({ jit: true }),
  mercurius: () => mercurius({ jit: false }),
  'mercurius-jit': () => mercurius({ jit: true }),
  apollo,
}
await peers[name]()
