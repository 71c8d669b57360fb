/** The composition root: opens what the configuration names, connects it, and closes it in order. */
import type { Audit } from './audit/log.ts'
import { openAudit } from './audit/open.ts'
import { findDeadRights } from './config/dead-rights.ts'
import { compareConfigs } from './config/differences.ts'
import type { Config } from './config/load.ts'
import { plainHttpWarning } from './config/rules.ts'
import type { ConnectionBounds } from './http/connections.ts'
import type { Page } from './http/edge.ts'
import { toRequestListener } from './http/incoming.ts'
import { listen } from './http/node.ts'
import type { DrainTimes, Listening } from './http/node.ts'
import { monotonicMs, settlesWithin } from './lib/time.ts'
import type { Log } from './log.ts'
import { createApp, replaceable } from './server/app.ts'
import type { App } from './server/app.ts'
import { createMetrics, serveMetrics } from './server/observability/metrics.ts'
import type { Metrics } from './server/observability/metrics.ts'
import { createUpstreamObserver } from './server/observability/reasons.ts'
import type { UpstreamObserver } from './server/observability/reasons.ts'
import { createTracing } from './server/observability/tracing.ts'
import { openDocuments } from './server/trusted-documents/check.ts'
import { createSource } from './tokens/source.ts'
import type { TokenSource } from './tokens/source.ts'
import type { Upstream, UpstreamDeps, UpstreamEvent } from './upstreams/platform.ts'

export interface ServerDeps {
  readonly log: Log
  /** The page of development mode. */
  readonly page?: Page | null
  /** Called for every HTTP exchange and SQL statement of the upstreams. */
  readonly observe?: (event: UpstreamEvent) => void
  /** Times that an operation is executed before it is planned; for tests. */
  readonly asksBeforePlan?: number | undefined
}

export interface Running {
  /** As `http://127.0.0.1:4000`. */
  readonly url: string
  /** Of the metrics; null where none are configured. */
  readonly metricsUrl: string | null
  /**
   * Takes over what `compareConfigs` says can change; requests in flight end with what they began with. Returns the paths
   * that changed. Throws `ConfigError` for documents that do not fit, and `Error` that names the paths that need a restart:
   * then nothing has changed.
   */
  reload(config: Config): readonly string[]
  /** Drains and closes, at once unless times are given. A second call waits for the first. */
  stop(times?: DrainTimes): Promise<void>
}

/** Rejects with a message for the operator, and with everything closed, when the server cannot start. */
export async function startServer(config: Config, deps: ServerDeps): Promise<Running> {
  const { log } = deps
  const server = await openServer(config, deps)
  const { app, metrics } = server
  let scraped: Listening | null = null
  try {
    if (metrics !== null && config.metrics !== null) scraped = await serveMetrics(metrics, config.metrics)
    const listening = await listen(toRequestListener(app.handle), config.listen, boundsOf(config))
    server.listensOn(listening.url)

    const stop = async (times?: DrainTimes): Promise<void> => {
      const began = monotonicMs()
      server.setUnready()
      const cut = await listening.drain(config.drain_seconds, times)
      if (cut > 0) log.warn({ cut }, 'requests did not finish in time')
      await scraped?.drain(0)
      await server.close(config.drain_seconds * 1000 - (monotonicMs() - began))
      log.info(server.audit.head(), 'audit ends')
    }
    let stopping: Promise<void> | null = null
    let present = config
    return {
      url: listening.url,
      metricsUrl: scraped?.url ?? null,
      reload(next) {
        const { changed, needRestart } = compareConfigs(present, next)
        if (needRestart.length > 0) throw new Error(`a restart is needed for ${needRestart.join(', ')}`)
        server.reload(next)
        present = next
        return changed
      },
      stop: (times) => (stopping ??= stop(times)),
    }
  } catch (error) {
    await scraped?.drain(0)
    await server.close()
    throw error
  }
}

function boundsOf({ limits }: Config): Partial<ConnectionBounds> {
  return { headerBytes: limits.header_bytes, connections: limits.connections }
}

/** A server without sockets, for another server's to call. */
export interface OpenServer {
  readonly app: App
  readonly metrics: Metrics | null
  readonly audit: Audit
  readonly source: TokenSource
  /** Where it listens, for `/ready` to say. */
  listensOn(url: string): void
  /** The app of another configuration takes the place of the present one. Throws `ConfigError` where it cannot. */
  reload(config: Config): void
  /** From now on `/ready` answers 503. */
  setUnready(): void
  /** Call it when no request is in flight. Takes no longer than `withinMs` milliseconds, or one second where that is more. */
  close(withinMs?: number): Promise<void>
}

/** Milliseconds that closing may take even where no time is left, and that the upstreams may take at most. */
const CLOSE_MS = 1000
/** Milliseconds that each part may take even where another one used up the time. */
const LEAST_CLOSE_MS = 200

/** A part of the server that was opened. */
interface Part {
  readonly name: string
  close(): Promise<unknown>
}

/** Rejects with a message for the operator, and with everything closed, when a part cannot be opened. */
export async function openServer(
  config: Config,
  { log, page = null, observe, asksBeforePlan }: ServerDeps,
): Promise<OpenServer> {
  /** In the order of opening. */
  const parts: Part[] = []
  /** The last is closed first: app, upstreams, spans, audit. */
  const close = async (withinMs = 0): Promise<void> => {
    const last = monotonicMs() + Math.max(withinMs, CLOSE_MS)
    for (const part of parts.splice(0).toReversed()) {
      const leftMs = Math.max(last - monotonicMs(), LEAST_CLOSE_MS)
      if (!(await settlesWithin(part.close(), leftMs))) log.warn({ part: part.name }, 'did not close in time')
    }
  }
  try {
    const documents = openDocuments(config)
    const audit = await openAudit(config.audit, log)
    parts.push({ name: 'audit', close: audit.close })
    const tracing = config.tracing === null ? null : await createTracing(config.tracing)
    if (tracing !== null) parts.push({ name: 'tracing', close: tracing.close })
    const metrics = config.metrics === null ? null : await createMetrics(() => source)
    const observer = createUpstreamObserver(log, [metrics?.upstream, tracing?.upstream, observe])
    const upstreams = await openUpstreams(config, observer, log)
    for (const upstream of config.allow_http) log.warn({ upstream }, plainHttpWarning)
    for (const right of findDeadRights(config)) log.warn({ right }, 'a right that gives nothing')
    const source = createSource(upstreams, config.providers, { cache: config.cache, observe: observer.any })
    // No request waits for an upstream any more, but its close would wait for a connection that is being made.
    parts.push({ name: 'upstreams', close: () => settlesWithin(source.close(), CLOSE_MS) })
    // A refresh that began brings a refresh token that nobody gets twice.
    parts.push({ name: 'refreshes', close: () => source.finish() })
    let ready = true
    let port: number | null = null
    const appOf = (of: Config, registered: typeof documents): App =>
      createApp(of, {
        ...{ source, audit, log, documents: registered, metrics, tracing, page, asksBeforePlan },
        isReady: () => ready,
        port: () => port,
      })
    const app = replaceable(appOf(config, documents))
    parts.push({ name: 'app', close: app.dispose })
    return {
      app,
      metrics,
      audit,
      source,
      listensOn(url) {
        port = Number(new URL(url).port)
      },
      reload(next) {
        const before = app.replace(appOf(next, openDocuments(next)))
        // Whatever it still answers is over by then.
        setTimeout(() => void before.dispose(), config.request_timeout_ms + CLOSE_MS).unref()
      },
      setUnready: () => {
        ready = false
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Opens every configured upstream, or none. */
async function openUpstreams(config: Config, observer: UpstreamObserver, log: Log): Promise<Upstream[]> {
  const opened: Upstream[] = []
  try {
    for (const { name, platform, open } of config.upstreams) {
      const plainHttp = config.allow_http.includes(name)
      const warn: UpstreamDeps['warn'] = (message, details) => {
        log.warn({ upstream: name, ...details }, message)
      }
      opened.push({ ...open({ plainHttp, observe: observer.of(name), warn }), name, platform })
    }
    for (const { ready } of opened) await ready
    return opened
  } catch (error) {
    for (const upstream of opened) void upstream.close()
    throw error
  }
}
