/** The pipeline of one request, from its head to its response; the adapters of http/ connect it to a server. */
import type { Config } from '../config/load.ts'
import { errorCodes } from '../errors.ts'
import { createEdge } from '../http/edge.ts'
import type { Page } from '../http/edge.ts'
import { errorResponse, RefusedError } from '../http/error-response.ts'
import { toFetchHandler } from '../http/fetch.ts'
import type { FetchHandler } from '../http/fetch.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../http/message.ts'
import { createConcurrency, shedLoad } from '../http/overload.ts'
import { headersFor, tooLarge } from '../http/policy.ts'
import type { Log } from '../log.ts'
import { createAuthenticate } from './authenticate.ts'
import { describeCaller, REQUEST_ID_HEADER, startRequest } from './context.ts'
import type { RequestState } from './context.ts'
import { readTimeoutMs, startDeadline, TIMEOUT_HEADER } from './deadline.ts'
import { createGraph } from './graph.ts'
import type { GraphDeps } from './graph.ts'
import { countResponse } from './observability/metrics.ts'
import type { Tracing } from './observability/tracing.ts'
import { readOperation } from './operation.ts'

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
}

export interface App {
  /** For the adapter of node:http. */
  readonly handle: HttpHandler
  /** The same over the Fetch API, for tests and for embedding. */
  readonly fetch: FetchHandler
  dispose(): Promise<void>
}

/** Reports a response after it is made; one that throws replaces the response by INTERNAL_SERVER_ERROR. */
type Observer = (state: RequestState, response: HttpResponse) => void

export function createApp(config: AppConfig, deps: AppDeps): App {
  const { mode, limits, request_timeout_ms: timeoutMs } = config
  const { origins } = config.cors
  const { log, metrics, tracing, source, documents } = deps
  const policy = { mode, origins, bodyBytes: limits.body_bytes }
  const answerWithoutGraph = createEdge(policy, { isReady: deps.isReady, states: source.states }, deps.page)
  const disposal = new AbortController()
  const authenticate = createAuthenticate(config, log, disposal.signal)
  const graph = createGraph(config, deps)
  const observers: readonly Observer[] = [
    createRequestLog(log),
    ...(metrics === null ? [] : [countResponse(metrics)]),
    ({ span, operationName }, { status }) => span?.end({ status, operationName }),
  ]

  async function answerOperation(request: HttpRequest, state: RequestState): Promise<HttpResponse> {
    const { header, signal } = request
    const allowedMs = Math.min(readTimeoutMs(header(TIMEOUT_HEADER)), timeoutMs)
    const deadline = startDeadline(state.startedAt + allowedMs, signal)
    try {
      const body = readOnce(request, limits.body_bytes)
      const viewer = await authenticate({ request, state, body, signal: deadline.signal })
      const operation = readOperation(await body(), documents !== null)
      state.operationName = operation.operationName?.slice(0, MAX_NAME_LENGTH) ?? null
      const caller = describeCaller(request, viewer, deadline, source)
      const traceparent = header('traceparent')
      return await graph.execute({ state, viewer, caller, operation, traceparent }, header('accept'), signal)
    } finally {
      deadline.stop()
    }
  }

  /** A defect costs one request, and shows nothing of itself. */
  function explain(error: unknown, { signal }: HttpRequest, state: RequestState): HttpResponse {
    if (error instanceof RefusedError) return errorResponse(error.refusal)
    if (signal.aborted && error === signal.reason) return errorResponse(callerGone)
    log.error({ request_id: state.id, error }, 'unexpected error')
    return errorResponse(defect)
  }

  async function handle(request: HttpRequest): Promise<HttpResponse> {
    const state = startRequest(request, tracing)
    let response: HttpResponse
    try {
      response = (await answerWithoutGraph(request)) ?? (await answerOperation(request, state))
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
    const common = { ...headersFor(request.header('origin'), origins), [REQUEST_ID_HEADER]: state.id }
    return { ...response, headers: { ...response.headers, ...common } }
  }

  const dispose: App['dispose'] = () => {
    disposal.abort()
    return graph.dispose()
  }

  const onRefused = (): void => {
    metrics?.refusal('OVERLOADED')
    metrics?.request({ status: 503, viewer: 'none', durationMs: 0 })
  }
  const bounded = shedLoad(handle, { concurrency: createConcurrency(limits), origins, log, onRefused })
  return { handle: bounded, fetch: toFetchHandler(bounded), dispose }
}

const MAX_NAME_LENGTH = 64

const defect = {
  status: 500,
  code: 'INTERNAL_SERVER_ERROR',
  message: errorCodes.INTERNAL_SERVER_ERROR.message,
} as const

/** For the log: a response that is not sent any more. */
const callerGone = { status: 400, code: 'BAD_USER_INPUT', message: 'The caller has gone away.' } as const

/** The proof of a gateway and the operation read the same bytes. */
function readOnce(request: HttpRequest, maxBytes: number): () => Promise<Buffer<ArrayBuffer>> {
  let reading: Promise<Buffer<ArrayBuffer>> | null = null
  const read = async (): Promise<Buffer<ArrayBuffer>> => {
    const bytes = await request.readBody(maxBytes)
    if (bytes === null) throw new RefusedError(tooLarge(maxBytes))
    return bytes
  }
  return () => (reading ??= read())
}

/** One line for each request, without variables, results or addresses. */
function createRequestLog(log: Log): Observer {
  return ({ id, method, gateway, viewer, operationName, documentId, startedAt }, { status }) => {
    log.info(
      {
        request_id: id,
        method,
        status,
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
