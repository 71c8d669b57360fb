/**
 * The graph inside of somebody else's server: their own routes, and the graph with its door, limits and audit at `/graphql`.
 * `node examples/embedded/main.ts tokengraph.yaml 3000` in the repository; an application imports 'tokengraph'.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTokengraph } from '../../src/index.ts'

const [config = 'tokengraph.yaml', port = '3000'] = process.argv.slice(2)
const tokengraph = await createTokengraph({ config })
const own = new Set(['/graphql', '/health', '/ready'])

const server = createServer((request, response) => {
  if (own.has(request.url ?? '')) tokengraph.node(request, response)
  else response.end('my own application\n')
})
server.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}\n`)
})
process.once('SIGTERM', () => {
  tokengraph.setUnready()
  server.close(() => void tokengraph.close())
  server.closeIdleConnections()
})
