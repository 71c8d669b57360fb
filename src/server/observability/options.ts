/** The `metrics` and `tracing` parts of the configuration; both are off unless they are configured. */
import { z } from 'zod'
import { upstreamUrl } from '../../lib/url.ts'

export const metricsOptions = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('The address of the metrics; loopback unless said otherwise.'),
  port: z.int().min(0).max(65_535).default(9464).describe('The port of `GET /metrics`, apart from the graph.'),
})

export const tracingOptions = z.strictObject({
  // Spans hold no secret and no user, and a collector inside a cluster rarely has TLS.
  endpoint: upstreamUrl.describe(
    'Where spans go, by OTLP over HTTP: `https://collector.example.com/v1/traces`; plain http is accepted.',
  ),
})

export type TracingOptions = z.output<typeof tracingOptions>
