/** `npm run example:supergraph`: prints where the gateway's page is; `-- --port N` chooses its port. */
import { parseArgs } from 'node:util'
import { startSupergraph } from './start.ts'

const { values } = parseArgs({ options: { port: { type: 'string', default: '4300' } } })
const { url, subgraphs, key, ...supergraph } = await startSupergraph({ folder: './data', port: Number(values.port) })

process.stdout.write(`A supergraph of two subgraphs, for this machine alone.

  page        ${url}
  tokengraph  ${subgraphs.tokengraph} (holds the tokens)
  orders      ${subgraphs.orders} (knows who bought what)
  key         ${key} (data/dev.key; may read everything)

Next: open the page in a browser, where a query over both is filled in, and run it. Or:

  curl -s ${url} -H "Authorization: Bearer $(cat data/dev.key)" -H 'Content-Type: application/json' \\
    -d '{"query":"{ orders { id buyer { id oauth_access_tokens(provider: \\"google\\") { label token } } } }"}'
`)

const stop = (): void => {
  void supergraph[Symbol.asyncDispose]().then(() => process.exit(0))
}
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
