/** The pipeline of one request, from its head to its response; the adapters of http/ connect it to a server. */
import type { Config } from '../config/load.ts'
import { errorCodes, reasonOf } from '../errors.ts'
import { createEdge } from '../http/edge.ts'
import type { Page } from '../http/edge.ts'
import { errorResponse, RefusedError } from '../http/error-response.ts'
import { toFetchHandler } from '../http/fetch.ts'
import type { FetchHandler } from '../http/fetch.ts'
import type { HttpHandler, HttpRequest, HttpResponse, Refusal } from '../http/message.ts'
import { createConcurrency, createGate } from '../http/overload.ts'
import { bodyTimeout, headersFor, isConnectPath, isProbe, REQUEST_ID_HEADER, tooLarge } from '../http/policy.ts'
import { within } from '../lib/time.ts'
import type { Log } from '../log.ts'
import { createAuthenticate } from './authenticate.ts'
import { createConnectRoutes } from './connect.ts'
import { describeCaller, readTimeoutMs, startDeadline, startRequest, TIMEOUT_HEADER } from './context.ts'
import type { RequestState } from './context.ts'
import { readOperation } from './execution/operations.ts'
import { createGraph } from './graph.ts'
import type { GraphDeps } from './graph.ts'
import { countResponse } from './observability/metrics.ts'
import { createReasonLog, idsOf, MAX_NAME_LENGTH } from './observability/reasons.ts'
import type { Tracing } from './observability/tracing.ts'

export type AppConfig = Pick<
  Config,
  'mode' | 'auth' | 'gateway' | 'limits' | 'cors' | 'subgraph' | 'request_timeout_ms'
>

export interface AppDeps extends GraphDeps {
  readonly tracing: Tracing | null
  /** The page of development mode; null serves none. */
  readonly page: Page | null
  /** False while the server drains. */
  isReady(): boolean
  /** The port that it listens on; null: none. */
  port(): number | null
}

export interface App {
  /** For the adapter of node:http. */
  readonly handle: HttpHandler
  /** The same over the Fetch API, for tests and for embedding. */
  readonly fetch: FetchHandler
  dispose(): Promise<void>
}

/** An app in the place of another: `replace` returns the one that answered until then. */
export function replaceable(first: App): App & { replace(next: App): App } {
  let current = first
  return {
    handle: (request) => current.handle(request),
    fetch: (request) => current.fetch(request),
    dispose: () => current.dispose(),
    replace(next) {
      const before = current
      current = next
      return before
    },
  }
}

/** Reports a response after it is made; one that throws replaces the response by INTERNAL_SERVER_ERROR. */
type Observer = (state: RequestState, response: HttpResponse) => void

export function createApp(config: AppConfig, deps: AppDeps): App {
  const { mode, limits, cors, request_timeout_ms: timeoutMs } = config
  const { log, metrics, tracing, source, documents } = deps
  const policy = { mode, cors, bodyBytes: limits.body_bytes }
  const connect = createConnectRoutes(source, log)
  const answerWithoutGraph = createEdge(
    policy,
    { isReady: deps.isReady, port: deps.port, states: source.states },
    deps.page,
    connect !== null,
  )
  const disposal = new AbortController()
  const reasons = createReasonLog(log)
  const authenticate = createAuthenticate(config, { log, reasons, signal: disposal.signal })
  const execute = createGraph(config, deps)
  const observers: readonly Observer[] = [
    createRequestLog(log),
    ...(metrics === null ? [] : [countResponse(metrics)]),
    ({ span, operationName }, { status }) => span?.end({ status, operationName }),
  ]

  async function answerOperation(request: HttpRequest, state: RequestState): Promise<HttpResponse> {
    const { header } = request
    const allowedMs = Math.min(readTimeoutMs(header(TIMEOUT_HEADER)), timeoutMs)
    const deadline = startDeadline(state.startedAt + allowedMs, request.signal)
    try {
      const read = (): Promise<Buffer<ArrayBuffer> | null> =>
        within(request.readBody(limits.body_bytes), deadline.at, bodyIsLate)
      const body = async (): Promise<Buffer<ArrayBuffer>> => whole(await read(), limits.body_bytes)
      const proof = authenticate.gateway({ request, state, deadline, body })
      if (proof !== null) await proof
      const bytes = whole(await read(), limits.body_bytes)
      const place = gate.enter(request)
      try {
        const identified = authenticate.caller({ request, state, deadline })
        const viewer = identified instanceof Promise ? await identified : identified
        const turn = gate.turn(request)
        if (turn !== null) await turn
        const operation = readOperation(bytes, documents !== null)
        state.operationName = operation.operationName?.slice(0, MAX_NAME_LENGTH) ?? null
        const { span } = state
        const caller = describeCaller(request, viewer, { source, deadline, span, onFailure: reasons.upstream(state) })
        return await execute({ state, viewer, caller, operation }, header('accept'), request.signal)
      } finally {
        gate.leave(place)
      }
    } finally {
      deadline.stop()
    }
  }

  /** A defect costs one request, and shows nothing of itself. */
  function explain(error: unknown, request: HttpRequest, state: RequestState): HttpResponse {
    const { header } = request
    const respond = (refusal: Refusal): HttpResponse => {
      state.errors = [{ code: refusal.code, upstream: null }]
      return errorResponse({ ...refusal, details: { ...refusal.details, request_id: state.id } }, header('accept'))
    }
    if (error instanceof RefusedError) return respond(error.refusal)
    const gone = request.signal()
    if (gone.aborted && error === gone.reason) return respond(callerGone)
    log.error({ ...idsOf(state), reason: reasonOf(error) ?? undefined, error }, 'unexpected error')
    return respond(defect)
  }

  async function answerBrowser(request: HttpRequest, step: HttpHandler): Promise<HttpResponse> {
    const place = gate.enter(request)
    try {
      return await step(request)
    } finally {
      gate.leave(place)
    }
  }

  async function handle(request: HttpRequest): Promise<HttpResponse> {
    const refused = isProbe(request) ? null : gate.check(request)
    if (refused !== null) return refused
    const state = startRequest(request, tracing)
    let response: HttpResponse
    try {
      response = await (answerWithoutGraph(request) ??
        (connect === null || !isConnectPath(request)
          ? answerOperation(request, state)
          : answerBrowser(request, connect)))
    } catch (error) {
      response = explain(error, request, state)
    }
    for (const observe of observers) {
      try {
        observe(state, response)
      } catch (error) {
        response = explain(error, request, state)
      }
    }
    const { status, body } = response
    const headers: Record<string, string> = { ...headersFor(request.header('origin'), cors) }
    for (const name in response.headers) headers[name] ??= response.headers[name] ?? ''
    headers[REQUEST_ID_HEADER] = state.id
    return { status, headers, body }
  }

  const dispose: App['dispose'] = () => {
    disposal.abort()
    return Promise.resolve()
  }

  const onRefused = (): void => {
    metrics?.refusal({ code: 'OVERLOADED', upstream: null })
    metrics?.request({ status: 503, viewer: 'none', durationMs: 0 })
  }
  const gate = createGate({ concurrency: createConcurrency(limits), cors, log, onRefused })
  return { handle, fetch: toFetchHandler(handle), dispose }
}

const defect = {
  status: 500,
  code: 'INTERNAL_SERVER_ERROR',
  message: errorCodes.INTERNAL_SERVER_ERROR.message,
} as const

/** For the log: a response that is not sent any more. */
const callerGone = { status: 400, code: 'BAD_USER_INPUT', message: 'The caller has gone away.' } as const

const bodyIsLate = (): RefusedError => new RefusedError(bodyTimeout)

/** The body, which is null where it has more bytes than it may; then it throws `RefusedError`. */
function whole(body: Buffer<ArrayBuffer> | null, maxBytes: number): Buffer<ArrayBuffer> {
  if (body === null) throw new RefusedError(tooLarge(maxBytes))
  return body
}

/** One line for each request, without variables, results or addresses. */
function createRequestLog(log: Log): Observer {
  return (state, { status }) => {
    if (!log.isLevelEnabled('info')) return
    const { method, path, gateway, viewer, operationName, documentId, startedAt, errors } = state
    log.info(
      {
        ...idsOf(state),
        method,
        path,
        status,
        codes: distinct(errors.map(({ code }) => code)),
        upstreams: distinct(errors.flatMap(({ upstream }) => upstream ?? [])),
        gateway: gateway ?? undefined,
        viewer: viewer?.kind,
        service: viewer?.kind === 'service' ? viewer.id : undefined,
        operation_name: operationName ?? undefined,
        document_id: documentId ?? undefined,
        duration_ms: Math.round(performance.now() - startedAt),
      },
      'request',
    )
  }
}

/** Undefined where there is none, which leaves the field out. */
function distinct(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : [...new Set(names)]
}
