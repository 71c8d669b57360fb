/** `GET /metrics` on an address of its own, so that whoever reaches the graph does not reach it. */
import type { RequestListener } from 'node:http'
import { listen } from './node.ts'
import type { Listening } from './node.ts'
import type { Metrics } from './metrics.ts'

/** Rejects with a message for the operator when the address cannot be had. */
export function serveMetrics(metrics: Metrics, address: { host: string; port: number }): Promise<Listening> {
  const handler: RequestListener = (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    void metrics.scrape().then(
      ({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  }
  return listen(handler, address)
}
