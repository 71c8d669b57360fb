/**
 * OpenTelemetry spans of requests and of calls to upstreams. They hold names, outcomes and durations only: no variable,
 * result, user id or URL (docs/promises.md S7).
 */
import type { Context, Span, Tracer } from '@opentelemetry/api'
import type { SpanLink } from '../../lib/singleflight.ts'
import { unixMs } from '../../lib/time.ts'
import type { UpstreamEvent } from '../../upstreams/platform.ts'
import type { TracingOptions } from './options.ts'

export interface RequestSpan {
  /** For the spans of the calls that the request waits for. */
  readonly link: SpanLink
  end(facts: { readonly status: number; readonly operationName: string | null }): void
}

export interface Tracing {
  /** `traceparent` is the caller's header (W3C Trace Context), null when absent. */
  startRequest(traceparent: string | null): RequestSpan
  /**
   * Records a call that has ended: below its request, or, where several requests shared it, in a trace of its own that
   * links to each of them.
   */
  upstream(event: UpstreamEvent): void
  /** Sends what is waiting; takes a few seconds at most when the collector does not answer. */
  close(): Promise<void>
}

const EXPORT_TIMEOUT_MS = 3000

/** Loads the library, which is not needed where tracing is off. */
export async function createTracing({ endpoint }: TracingOptions): Promise<Tracing> {
  const [api, core, sdk, exporter, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES; the exporter and the provider read the other OTEL_ variables.
  const named = resources.detectResources({ detectors: [resources.envDetector] })
  const provider = new sdk.BasicTracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': 'tokengraph' }).merge(named),
    spanProcessors: [
      new sdk.BatchSpanProcessor(new exporter.OTLPTraceExporter({ url: endpoint, timeoutMillis: EXPORT_TIMEOUT_MS }), {
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  })
  const tracer: Tracer = provider.getTracer('tokengraph')
  const propagator = new core.W3CTraceContextPropagator()

  function parentOf(traceparent: string | null): Context {
    return propagator.extract(api.ROOT_CONTEXT, { traceparent: traceparent ?? '' }, api.defaultTextMapGetter)
  }

  return {
    startRequest(traceparent) {
      const span: Span = tracer.startSpan('POST /graphql', { kind: api.SpanKind.SERVER }, parentOf(traceparent))
      return {
        link: span.spanContext(),
        end({ status, operationName }) {
          span.setAttribute('http.response.status_code', status)
          if (operationName !== null) span.setAttribute('graphql.operation.name', operationName)
          if (status >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR })
          span.end()
        },
      }
    },
    upstream({ upstream, operation, outcome, keys, durationMs, traces = [] }) {
      if (outcome === 'cached' || outcome === 'coalesced') return
      const end = unixMs()
      const [only, ...others] = traces
      const isShared = only === undefined || others.length > 0
      const options = {
        kind: api.SpanKind.CLIENT,
        startTime: end - durationMs,
        attributes: { 'tokengraph.upstream': upstream, 'tokengraph.outcome': outcome, 'tokengraph.keys': keys },
        links: isShared ? traces.map((context) => ({ context })) : [],
      }
      const parent = isShared ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, only)
      const span = tracer.startSpan(operation, options, parent)
      if (outcome === 'error') span.setStatus({ code: api.SpanStatusCode.ERROR })
      span.end(end)
    },
    close: async () => {
      await provider.shutdown().catch(() => undefined)
    },
  }
}

/** W3C Trace Context section 3.2: version `ff` and a trace id of zeros are invalid; later versions keep the layout. */
export function parseTraceId(traceparent: string): string | null {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(traceparent)
  const [, version = 'ff', traceId = ''] = match ?? []
  return version === 'ff' || /^0+$/.test(traceId) ? null : traceId
}
