/** Opens the upstreams, listens, and closes everything in order when it is told to stop. */
import { setTimeout as sleep } from 'node:timers/promises'
import { openAudit } from './audit/open.ts'
import { createIdentify } from './auth/identify.ts'
import type { Config } from './config.ts'
import { createCheckProof } from './gateway-proof/check-proof.ts'
import { listen } from './http/node.ts'
import type { DrainTimes, Listening } from './http/node.ts'
import { createConcurrency, shedLoad } from './http/overload.ts'
import type { Log } from './log.ts'
import { createApp } from './server/app.ts'
import type { Page } from './server/graphiql.ts'
import { createMetrics, serveMetrics } from './server/observability/metrics.ts'
import { createTracing } from './server/observability/tracing.ts'
import { openDocuments } from './server/trusted-documents/check.ts'
import { createSource } from './tokens/source.ts'
import type { Platform, Upstream, UpstreamEvent } from './upstreams/platform.ts'
import { platforms } from './upstreams/registry.ts'

export interface Running {
  /** As `http://127.0.0.1:4000`. */
  readonly url: string
  /** Where the metrics are, when they are configured. */
  readonly metrics_url: string | undefined
  /** Drains and closes, at once unless times are given; calling it again waits for the same stop. */
  stop(times?: DrainTimes): Promise<void>
}

export interface ServeDeps {
  readonly log: Log
  readonly page?: Page
  /** Every HTTP exchange and SQL statement of the upstreams. */
  readonly observe?: (event: UpstreamEvent) => void
  /** The platforms that the configuration was read with; left out: all of this server's own. */
  readonly registry?: Readonly<Record<string, Platform>>
}

/** Milliseconds that the upstreams may take to close. */
const CLOSE_MS = 1000

/** Rejects with a message for the operator, with everything closed again, when the server cannot start. */
export async function startServer(
  config: Config,
  { log, page, observe, registry = platforms }: ServeDeps,
): Promise<Running> {
  const documents = openDocuments(config)
  const audit = await openAudit(config.audit, log)
  const tracing = config.tracing === undefined ? null : await createTracing(config.tracing)
  const metrics = config.metrics === undefined ? null : await createMetrics(() => source.states())
  const observeAll = (event: UpstreamEvent): void => {
    log.debug(event, 'upstream')
    metrics?.upstream(event)
    tracing?.upstream(event)
    observe?.(event)
  }
  const upstreams = openUpstreams(config, registry, observeAll)
  const source = createSource(upstreams, config.providers, { cache: config.cache, observe: observeAll })
  let ready = true
  const app = createApp({
    mode: config.mode,
    source,
    auth: config.auth,
    audit,
    log,
    identify: createIdentify(config.auth, (issuer) => {
      log.warn({ issuer }, 'the keys of an issuer cannot be read')
    }),
    checkProof: config.gateway === undefined ? null : createCheckProof(config.gateway),
    isReady: () => ready,
    request_timeout_ms: config.request_timeout_ms,
    limits: config.limits,
    subgraph: config.subgraph,
    documents,
    metrics,
    tracing,
    cors: config.cors,
    ...(page === undefined ? {} : { page }),
  })
  let scraped: Listening | undefined
  try {
    if (metrics !== null && config.metrics !== undefined) scraped = await serveMetrics(metrics, config.metrics)
    const handler = shedLoad((request, response) => void app(request, response), {
      concurrency: createConcurrency(config.limits),
      origins: config.cors.origins,
      log,
      onRefused: () => {
        metrics?.refusal('OVERLOADED')
        metrics?.request({ status: 503, viewer: 'none', duration_ms: 0 })
      },
    })
    const listening = await listen(handler, config.listen)
    let stopping: Promise<void> | undefined
    const stop = async (times?: DrainTimes) => {
      ready = false
      const cut = await listening.drain(config.drain_seconds, times)
      if (cut > 0) log.warn({ cut }, 'requests did not finish in time')
      await app.dispose()
      await scraped?.drain(0)
      await tracing?.close()
      // Nobody waits for an upstream any more, but a connection that is being made would be waited for.
      await Promise.race([source.close(), sleep(CLOSE_MS, undefined, { ref: false })])
      await audit.close()
      log.info(audit.head(), 'audit ends')
    }
    return { url: listening.url, metrics_url: scraped?.url, stop: (times) => (stopping ??= stop(times)) }
  } catch (error) {
    await scraped?.drain(0)
    await source.close()
    await audit.close()
    throw error
  }
}

/** Opens every configured upstream, or none. */
function openUpstreams(
  config: Config,
  registry: Readonly<Record<string, Platform>>,
  observe: (event: UpstreamEvent) => void,
): Upstream[] {
  const opened: Upstream[] = []
  try {
    for (const { name, platform, options } of config.upstreams) {
      // The configuration was validated by the options schema of this very platform.
      const { open } = registry[platform] ?? {}
      if (open === undefined) throw new Error(`upstreams.${name}: there is no platform ${platform}`)
      opened.push(open(options, { name, observe }))
    }
    return opened
  } catch (error) {
    for (const upstream of opened) void upstream.close()
    throw error
  }
}
