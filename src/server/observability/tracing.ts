/**
 * OpenTelemetry spans of requests and of calls to upstreams. Names, outcomes and durations alone: no variable, no
 * result, no id of a user, no URL (TRUST S7).
 */
import type { Context, Span, Tracer } from '@opentelemetry/api'
import type { Plugin } from 'graphql-yoga'
import type { UpstreamEvent } from '../../upstreams/platform.ts'
import type { RequestState } from '../context.ts'
import type { TracingOptions } from './options.ts'

export interface RequestSpan {
  end(facts: { readonly status: number; readonly operation_name: string | undefined }): void
}

export interface Tracing {
  /** `traceparent` is the caller's header (W3C Trace Context). */
  startRequest(traceparent: string | null): RequestSpan
  /** A call that has ended; calls are shared between requests, so their spans stand by themselves. */
  upstream(event: UpstreamEvent): void
  /** Sends what is waiting; a collector that does not answer holds nothing up for more than a few seconds. */
  close(): Promise<void>
}

const EXPORT_TIMEOUT_MS = 3000

/** Loads the library, which nothing needs where tracing is off. */
export async function createTracing({ endpoint }: TracingOptions): Promise<Tracing> {
  const [api, core, sdk, exporter, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  const provider = new sdk.BasicTracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': 'tokengraph' }),
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
        end({ status, operation_name }) {
          span.setAttribute('http.response.status_code', status)
          if (operation_name !== undefined) span.setAttribute('graphql.operation.name', operation_name)
          if (status >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR })
          span.end()
        },
      }
    },
    upstream({ upstream, operation, outcome, keys, durationMs }) {
      if (outcome === 'cached' || outcome === 'coalesced') return
      const end = Date.now()
      const span = tracer.startSpan(operation, {
        kind: api.SpanKind.CLIENT,
        startTime: end - durationMs,
        attributes: { 'tokengraph.upstream': upstream, 'tokengraph.outcome': outcome, 'tokengraph.keys': keys },
      })
      if (outcome === 'error') span.setStatus({ code: api.SpanStatusCode.ERROR })
      span.end(end)
    },
    close: async () => {
      await provider.shutdown().catch(() => undefined)
    },
  }
}

/** One span for each request of the graph. */

export function useTracing(tracing: Tracing): Plugin<object, RequestState> {
  return {
    onRequest({ request, serverContext }) {
      if (request.method === 'POST') serverContext.span = tracing.startRequest(request.headers.get('traceparent'))
    },
    onResponse({ response, serverContext: { span, operation_name } }) {
      span?.end({ status: response.status, operation_name })
    },
  }
}
