/** What the server knows of one request, from its first header to the context of its resolvers. */
import { hash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import type { Audit } from '../audit/log.ts'
import { createTrail } from '../audit/trail.ts'
import { createAccess, maySeeSchema } from '../auth/policy.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Config } from '../config/load.ts'
import { CodedError } from '../errors.ts'
import { RefusedError } from '../http/error-response.ts'
import type { HttpRequest } from '../http/message.ts'
import { GRAPHQL_PATH, isConnectPath, REQUEST_ID_HEADER, requestIdOf } from '../http/policy.ts'
import { secret } from '../lib/secret.ts'
import { callAt } from '../lib/time.ts'
import type { GraphContext } from '../schema/graph-context.ts'
import { createCallerRate, createLoaders, createReadLimit, defaultAllowance } from '../tokens/loaders.ts'
import type { ConsumeAllowance } from '../tokens/loaders.ts'
import type { Caller, TokenSource } from '../tokens/source.ts'
import { parseTraceId } from './observability/tracing.ts'
import type { RequestSpan, Tracing } from './observability/tracing.ts'

/** One request until its response is sent; its log line, its metrics and its span report it. */
export interface RequestState {
  readonly id: string
  /** Of W3C Trace Context: of the span where requests are traced, or what the caller sent. */
  readonly traceId: string | null
  readonly method: string
  /** One that this server has, or `other`: a foreign path may hold anything. */
  readonly path: string
  /** Milliseconds on the clock of `performance.now()`. */
  readonly startedAt: number
  /** Null where nothing traces it. */
  readonly span: RequestSpan | null
  /** The proof that its gateway gave; null where none is required. */
  gateway: string | null
  /** Null until the caller is authenticated. */
  viewer: Viewer | null
  operationName: string | null
  /** Of the registered document that is executed. */
  documentId: string | null
  /** Every error of the answer. */
  errors: readonly AnsweredError[]
}

/** What the log and the metrics say of an error. */
export interface AnsweredError {
  /** One of `knownErrorCodes`. */
  readonly code: string
  /** The name of the upstream that failed; null: none. */
  readonly upstream: string | null
}

const knownPaths: ReadonlySet<string> = new Set([GRAPHQL_PATH, '/', '/health', '/ready'])

/** Of a browser that connects an account: its path names the request or the client. */
function routeOf(path: string): string {
  if (!isConnectPath({ path })) return 'other'
  return path.startsWith('/connect/callback/') ? '/connect/callback' : '/connect'
}

export function startRequest(
  { method, path, header }: Pick<HttpRequest, 'method' | 'path' | 'header'>,
  tracing: Tracing | null,
): RequestState {
  const traceparent = header('traceparent')
  const span = tracing !== null && method === 'POST' ? tracing.startRequest(traceparent) : null
  return {
    id: requestIdOf(header(REQUEST_ID_HEADER)),
    traceId: span?.link.traceId ?? (traceparent === null ? null : parseTraceId(traceparent)),
    method,
    path: knownPaths.has(path) ? path : routeOf(path),
    startedAt: performance.now(),
    span,
    gateway: null,
    viewer: null,
    operationName: null,
    documentId: null,
    errors: [],
  }
}

/** An authenticated request with its operation: what the GraphQL part of the server works on. */
export interface OperationRequest {
  readonly state: RequestState
  readonly viewer: Viewer
  readonly caller: Caller
  readonly operation: GraphQLParams
}

/** A plugin for the operations of this server. */
export type GraphPlugin = Plugin<OperationRequest & GraphContext, OperationRequest>

export interface ContextDeps {
  readonly source: TokenSource
  readonly audit: Audit
}

/** Returns a function from a request to the context of its resolvers; the loaders live as long as the request. */
export function createContextFactory(
  { mode, auth, limits, subgraph }: Pick<Config, 'mode' | 'auth' | 'limits' | 'subgraph'>,
  { source, audit }: ContextDeps,
): (request: OperationRequest) => GraphContext {
  const access = createAccess(auth)
  const { caller_rate: given } = limits
  const rateOf = (kind: 'user' | 'service'): ConsumeAllowance => {
    const { burst, perSecond } = defaultAllowance(kind, source.rates)
    return createCallerRate({ burst: given.burst ?? burst, perSecond: given.per_second ?? perSecond })
  }
  const consume = { user: rateOf('user'), service: rateOf('service') }
  return ({ state, viewer, caller }) => ({
    viewer,
    access: access.forOperation(viewer),
    audit: createTrail(audit, {
      viewer,
      requestId: state.id,
      operationName: state.operationName,
      traceId: state.traceId,
    }),
    load: createLoaders(
      source,
      caller,
      createReadLimit(limits.token_reads, callerOf(viewer), viewer.kind === 'user' ? consume.user : consume.service),
    ),
    providers: source.providers,
    keeperOf: source.keeperOf,
    keepers: source.keepers,
    maySeeSchema: mode === 'development' || maySeeSchema(viewer),
    subgraph,
  })
}

/** Null for an anonymous caller, who is refused before any key. */
function callerOf(viewer: Viewer): string | null {
  if (viewer.kind === 'anonymous') return null
  // No issuer and no id of a service holds a line feed.
  return viewer.kind === 'service' ? viewer.id : `${viewer.issuer}\n${viewer.userId}`
}

export interface CallerDeps {
  readonly source: Pick<TokenSource, 'usesSubjectToken'>
  readonly deadline: Deadline
  /** Of the request; null where nothing traces it. */
  readonly span: RequestSpan | null
  /** Called with every failure of an upstream that the request meets. */
  readonly onFailure: (error: CodedError) => void
}

/** The subject's own token is passed on only where an upstream uses it, and only for that subject. */
export function describeCaller(
  { header }: Pick<HttpRequest, 'header'>,
  viewer: Viewer,
  { deadline, onFailure, span, source: { usesSubjectToken } }: CallerDeps,
): Caller {
  const authorization = usesSubjectToken && viewer.kind === 'user' ? header('authorization') : null
  const caller = {
    __proto__: lazySignal,
    waits: deadline,
    onFailure,
    traces: () => (span === null ? [] : [span.link]),
    deadline: () => deadline.at,
    viewer: callerOf(viewer),
    subject: viewer.kind === 'user' && authorization !== null ? subjectOf(viewer.userId, authorization) : null,
  }
  return caller as unknown as Caller
}

/** The signal of a caller is made when something waits; one accessor for all of them (`HttpRequest.signal`). */
const lazySignal = {
  get signal(): AbortSignal {
    return (this as unknown as { readonly waits: Deadline }).waits.signal()
  },
}

function subjectOf(userId: string, authorization: string): Caller['subject'] {
  // The header is verified: one scheme and one token.
  const token = authorization.replace(/^Bearer +/i, '')
  return { userId, credential: { secret: secret(token), id: hash('sha256', token, 'base64url') } }
}

// The deadline of one request: the operator's timeout, or less where the caller asks for less (docs/promises.md R9).

/** Whole milliseconds. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms'
const wholeMilliseconds = /^[1-9]\d{0,8}$/

/** Nothing waits beyond it: a key without an answer by then is an error of its own. */
export interface Deadline {
  /** Milliseconds on the clock of `performance.now()`. */
  readonly at: number
  /** Returns what aborts at the deadline with UPSTREAM_TIMEOUT, or earlier with the caller's reason when the caller goes away. */
  signal(): AbortSignal
  stop(): void
}

/** Reads the header: milliseconds, Infinity when it is absent. Throws `RefusedError`. */
export function readTimeoutMs(header: string | null): number {
  if (header === null) return Infinity
  if (wholeMilliseconds.test(header)) return Number(header)
  const message = `The header ${TIMEOUT_HEADER} must be a whole number of milliseconds.`
  throw new RefusedError({ status: 400, code: 'BAD_USER_INPUT', message })
}

/**
 * `at` as in `Deadline`; `callerSignal` returns the signal that aborts when the caller goes away. Stop it when the
 * response is there. Signals are made when something waits: most requests are answered from what is at hand.
 */
export function startDeadline(at: number, callerSignal: () => AbortSignal): Deadline {
  let controller: AbortController | null = null
  let caller: AbortSignal | null = null
  let stopAlarm: (() => void) | null = null
  let isStopped = false
  const onAbort = (): void => {
    controller?.abort(caller?.reason)
  }
  function start(): AbortController {
    const started = new AbortController()
    // Every key in flight listens. The default of ten listeners warns of leaks, which `raceSignal` prevents.
    setMaxListeners(0, started.signal)
    if (isStopped) return started
    stopAlarm = callAt(at, () => {
      started.abort(new CodedError('UPSTREAM_TIMEOUT'))
    })
    caller = callerSignal()
    if (caller.aborted) started.abort(caller.reason)
    else if (at <= performance.now()) started.abort(new CodedError('UPSTREAM_TIMEOUT'))
    caller.addEventListener('abort', onAbort, { once: true })
    return started
  }
  return {
    at,
    signal: () => (controller ??= start()).signal,
    stop() {
      isStopped = true
      stopAlarm?.()
      caller?.removeEventListener('abort', onAbort)
    },
  }
}
