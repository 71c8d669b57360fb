/**
 * Metrics for Prometheus: counts and durations with labels of a few known values. Never a user, a provider that a caller
 * named, or anything of an answer.
 */
import type { RequestListener } from 'node:http'
import type { Registry } from 'prom-client'
import { listen } from '../../http/node.ts'
import type { Address, Listening } from '../../http/node.ts'
import type { HttpResponse } from '../../http/message.ts'
import type { TokenSource } from '../../tokens/source.ts'
import type { UpstreamEvent } from '../../upstreams/platform.ts'
import { VERSION } from '../../version.ts'
import type { AnsweredError, RequestState } from '../context.ts'

export interface Metrics {
  /** One HTTP request that was answered. */
  request(facts: { readonly status: number; readonly viewer: string; readonly durationMs: number }): void
  /** One error of an answer, by its code and the upstream that failed. */
  refusal(error: AnsweredError): void
  upstream(event: UpstreamEvent): void
  /** The content type and the text of a scrape. */
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>
}

const requestBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const breakerStates = ['closed', 'half-open', 'open'] as const

/** Loads the library, which is not needed where metrics are off. `source` is asked by each scrape. */
export async function createMetrics(source: () => Pick<TokenSource, 'states' | 'census'>): Promise<Metrics> {
  const prometheus = await import('prom-client')
  const registry: Registry = new prometheus.Registry()
  prometheus.collectDefaultMetrics({ register: registry })
  const registers = [registry]
  new prometheus.Gauge({
    name: 'tokengraph_build_info',
    help: 'Always 1; the version of this server and of Node.',
    labelNames: ['version', 'node'] as const,
    registers,
  }).set({ version: VERSION, node: process.version }, 1)
  const requests = new prometheus.Histogram({
    name: 'tokengraph_request_duration_seconds',
    help: 'HTTP requests by status and kind of viewer.',
    labelNames: ['status', 'viewer'] as const,
    buckets: requestBuckets,
    registers,
  })
  const errors = new prometheus.Counter({
    name: 'tokengraph_errors_total',
    help: 'Errors in answers by code: refusals and failures; the upstream that failed, or an empty label.',
    labelNames: ['code', 'upstream'] as const,
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
      for (const [upstream, { queued, under_way }] of Object.entries(source().states())) {
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
      for (const [upstream, state] of Object.entries(source().states()))
        this.set({ upstream }, breakerStates.indexOf(state.breaker))
    },
  })

  new prometheus.Gauge({
    name: 'tokengraph_vault_accounts',
    help: 'Accounts of a vault by state, counted once a minute at most.',
    labelNames: ['upstream', 'state'] as const,
    registers,
    async collect() {
      const census = await source().census()
      this.reset()
      for (const { upstream, accounts } of census)
        for (const [state, rows] of Object.entries(accounts)) this.set({ upstream, state }, rows)
    },
  })
  new prometheus.Gauge({
    name: 'tokengraph_vault_spooled',
    help: 'Accounts of a vault whose new tokens wait in the spool of this process, because the database did not take them.',
    labelNames: ['upstream'] as const,
    registers,
    async collect() {
      for (const { upstream, spooled } of await source().census()) this.set({ upstream }, spooled)
    },
  })
  new prometheus.Gauge({
    name: 'tokengraph_vault_refused_clients',
    help: 'OAuth clients of a vault that their provider refuses, as with a wrong secret.',
    labelNames: ['upstream'] as const,
    registers,
    async collect() {
      for (const { upstream, refusedClients } of await source().census()) this.set({ upstream }, refusedClients)
    },
  })

  /** The library looks for the series of labels at each call; there are few of these. */
  const requestsBy = new Map<string, ReturnType<typeof requests.labels>>()
  function requestSeries(status: string, viewer: string): ReturnType<typeof requests.labels> {
    const name = `${status} ${viewer}`
    let series = requestsBy.get(name)
    if (series === undefined) requestsBy.set(name, (series = requests.labels(status, viewer)))
    return series
  }

  return {
    request: ({ status, viewer, durationMs }) => {
      requestSeries(String(status), viewer).observe(durationMs / 1000)
    },
    refusal: ({ code, upstream }) => {
      errors.inc({ code, upstream: upstream ?? '' })
    },
    upstream: ({ upstream, operation, outcome, keys: count, durationMs }) => {
      keys.inc({ upstream, outcome }, count)
      if (outcome === 'cached' || outcome === 'coalesced' || outcome === 'refused') return
      calls.observe({ upstream, operation, outcome }, durationMs / 1000)
    },
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

/** Returns a function that counts a response and its errors. */
export function countResponse(metrics: Metrics): (state: RequestState, response: HttpResponse) => void {
  return ({ viewer, errors, startedAt }, { status }) => {
    errors.forEach(metrics.refusal)
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
