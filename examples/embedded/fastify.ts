/**
 * The graph inside of a Fastify application, which hands over the request before it reads its body: the limits are those of the
 * graph. `node examples/embedded/fastify.ts tokengraph.yaml 3000` in the repository; an application imports 'tokengraph'.
 */
import { fastify } from 'fastify'
import type { onRequestHookHandler } from 'fastify'
import { createTokengraph } from '../../src/index.ts'

const [config = 'tokengraph.yaml', port = '3000'] = process.argv.slice(2)
const tokengraph = await createTokengraph({ config })
const app = fastify()

const handOver: onRequestHookHandler = (request, reply) => {
  reply.hijack()
  tokengraph.node(request.raw, reply.raw)
}
for (const path of ['/graphql', '/health', '/ready']) app.all(path, { onRequest: handOver }, () => undefined)
app.get('/', () => 'my own application\n')

app.addHook('preClose', () => {
  tokengraph.setUnready()
})
app.addHook('onClose', () => tokengraph.close())
process.once('SIGTERM', () => void app.close())
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: Number(port) })}\n`)
