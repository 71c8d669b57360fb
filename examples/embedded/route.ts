/**
 * The graph as a route of the Fetch API: `app/graphql/route.ts` of Next.js as it is; `app.post('/graphql', (c) => POST(c.req.raw))`
 * in Hono; `Bun.serve({ fetch: POST })`. An application imports 'tokengraph'.
 */
import { createTokengraph } from '../../src/index.ts'

// One for the process: it holds the connections to the platforms, the cache and the audit.
const opening = createTokengraph({ config: 'tokengraph.yaml' })

export async function POST(request: Request): Promise<Response> {
  const tokengraph = await opening
  return tokengraph.fetch(request)
}
