/**
 * Metrics for Prometheus: counts and durations with labels of a few known values. Never a user, a provider that a caller
 * named, or anything of an answer.
 */
import type { RequestListener } from 'node:http'
import type { Plugin } from 'graphql-yoga'
import type { Registry } from 'prom-client'
import { knownErrorCodes } from '../../errors.ts'
import { listen } from '../../http/node.ts'
import type { Address, Listening } from '../../http/node.ts'
import type { HttpResponse } from '../../http/message.ts'
import type { UpstreamEvent, UpstreamState } from '../../upstreams/platform.ts'
import type { RequestState } from '../context.ts'

export interface Metrics {
  /** One HTTP request that was answered. */
  request(facts: { readonly status: number; readonly viewer: string; readonly durationMs: number }): void
  /** One error of an answer, by its code. */
  refusal(code: string): void
  upstream(event: UpstreamEvent): void
  /** The content type and the text of a scrape. */
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>
}

const requestBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const breakerStates = ['closed', 'half-open', 'open'] as const

/** Loads the library, which is not needed where metrics are off. `states` is called by each scrape. */
export async function createMetrics(states: () => Readonly<Record<string, UpstreamState>>): Promise<Metrics> {
  const prometheus = await import('prom-client')
  const registry: Registry = new prometheus.Registry()
  prometheus.collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const requests = new prometheus.Histogram({
    name: 'tokengraph_request_duration_seconds',
    help: 'HTTP requests by status and kind of viewer.',
    labelNames: ['status', 'viewer'] as const,
    buckets: requestBuckets,
    registers,
  })
  const errors = new prometheus.Counter({
    name: 'tokengraph_errors_total',
    help: 'Errors in answers by code: refusals and failures.',
    labelNames: ['code'] as const,
    registers,
  })
  const calls = new prometheus.Histogram({
    name: 'tokengraph_upstream_duration_seconds',
    help: 'Calls to upstreams by operation and outcome: HTTP exchanges and SQL statements.',
    labelNames: ['upstream', 'operation', 'outcome'] as const,
    buckets: requestBuckets,
    registers,
  })
  const keys = new prometheus.Counter({
    name: 'tokengraph_keys_total',
    help: 'Keys by how they were answered: by a call (ok, error, aborted), refused before one, cached or coalesced.',
    labelNames: ['upstream', 'outcome'] as const,
    registers,
  })
  // These two are collected by each scrape.
  new prometheus.Gauge({
    name: 'tokengraph_upstream_requests',
    help: 'Requests to upstreams that wait for their turn (queued) or for the answer (under_way).',
    labelNames: ['upstream', 'state'] as const,
    registers,
    collect() {
      for (const [upstream, { queued, under_way }] of Object.entries(states())) {
        this.set({ upstream, state: 'queued' }, queued)
        this.set({ upstream, state: 'under_way' }, under_way)
      }
    },
  })
  new prometheus.Gauge({
    name: 'tokengraph_upstream_breaker',
    help: 'Circuit breakers: 0 closed, 1 half-open, 2 open.',
    labelNames: ['upstream'] as const,
    registers,
    collect() {
      for (const [upstream, state] of Object.entries(states()))
        this.set({ upstream }, breakerStates.indexOf(state.breaker))
    },
  })

  return {
    request: ({ status, viewer, durationMs }) => {
      requests.observe({ status: String(status), viewer }, durationMs / 1000)
    },
    refusal: (code) => {
      errors.inc({ code })
    },
    upstream: ({ upstream, operation, outcome, keys: count, durationMs }) => {
      keys.inc({ upstream, outcome }, count)
      if (outcome === 'cached' || outcome === 'coalesced' || outcome === 'refused') return
      calls.observe({ upstream, operation, outcome }, durationMs / 1000)
    },
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

/** Counts the errors of every result. */
export function useErrorMetrics(metrics: Metrics): Plugin {
  return {
    onResultProcess({ result }) {
      const results = Array.isArray(result) ? result : [result]
      for (const one of results) {
        if (!('errors' in one)) continue
        for (const { extensions } of one.errors ?? []) {
          metrics.refusal(knownErrorCodes.has(extensions.code) ? String(extensions.code) : 'INTERNAL_SERVER_ERROR')
        }
      }
    },
  }
}

const codesByStatus: Readonly<Record<number, string>> = { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 503: 'OVERLOADED' }

/** Returns a function that counts a response. */
export function countResponse(metrics: Metrics): (state: RequestState, response: HttpResponse) => void {
  return ({ viewer, method, startedAt }, { status }) => {
    // A request that was refused before GraphQL ran has no result.
    if (viewer === null && method === 'POST' && status >= 400)
      metrics.refusal(codesByStatus[status] ?? 'BAD_USER_INPUT')
    metrics.request({ status, viewer: viewer?.kind ?? 'none', durationMs: performance.now() - startedAt })
  }
}

/**
 * Serves `GET /metrics` on an address of its own, so that callers of the graph do not reach it. Rejects with a message
 * for the operator when it cannot listen there.
 */
export function serveMetrics(metrics: Metrics, address: Address): Promise<Listening> {
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
