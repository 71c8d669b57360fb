/**
 * The GraphQL part of the server. An operation that is asked often is executed by its plan (`execution/`); every other
 * one, and everything that is wrong with one, is Yoga's. Both answer the same.
 */
import { isAsyncIterable, useExecutionCancellation, YogaServer } from 'graphql-yoga'
import type { Config } from '../config/load.ts'
import { errorCodes, Reason } from '../errors.ts'
import type { HttpResponse } from '../http/message.ts'
import { acceptedTypes, answerType, GRAPHQL_PATH } from '../http/policy.ts'
import type { Answer } from '../lib/answer.ts'
import { createCache } from '../lib/cache.ts'
import type { Log } from '../log.ts'
import type { GraphContext } from '../schema/graph-context.ts'
import { schema } from '../schema/index.ts'
import { createContextFactory } from './context.ts'
import type { ContextDeps, GraphPlugin, OperationRequest } from './context.ts'
import { createAnswerPlanned, withhold } from './execution/answer.ts'
import type { AnswerDeps } from './execution/answer.ts'
import { createPlannedOperations, KEPT_TEXTS } from './execution/operations.ts'
import { useDocumentLimits, useObjectLimit } from './limits/documents.ts'
import type { Metrics } from './observability/metrics.ts'
import {
  createDefectLog,
  MAX_NAME_LENGTH,
  useAnswerNotes,
  useDefectLog,
  useRequestIds,
} from './observability/reasons.ts'
import {
  createHideSchema,
  createMaskError,
  errorLimitsOf,
  useClientIntrospection,
  useErrorLimit,
  useSchemaPrivacy,
  useShortMessages,
} from './plugins/errors.ts'
import { createTextOf, useTrustedDocuments } from './trusted-documents/plugin.ts'
import type { TrustedDocuments } from './trusted-documents/plugin.ts'

export interface GraphDeps extends ContextDeps {
  readonly log: Log
  /** Null executes every operation as it is sent. */
  readonly documents: TrustedDocuments | null
  readonly metrics: Metrics | null
  /** Times that Yoga executes an operation before it has a plan of its own; for tests. */
  readonly asksBeforePlan?: number | undefined
}

/** `accept` is the header of the request; `signal` returns what aborts when the caller goes away. */
export type Execute = (
  request: OperationRequest,
  accept: string | null,
  signal: () => AbortSignal,
) => Answer<HttpResponse>

export function createGraph(
  config: Pick<Config, 'mode' | 'auth' | 'limits' | 'subgraph'>,
  { log, documents, asksBeforePlan, ...deps }: GraphDeps,
): Execute {
  const { mode, limits } = config
  const logged = new WeakSet<object>()
  const noteLogged = (error: unknown): void => {
    if (error instanceof Error) logged.add(error)
  }
  const isLogged = (error: unknown): boolean => error instanceof Error && logged.has(error)
  const createContext = createContextFactory(config, deps)
  const answering = {
    log,
    maxErrors: errorLimitsOf(limits),
    logDefects: createDefectLog(log, noteLogged),
    maskError: createMaskError(log, isLogged),
    hideSchema: createHideSchema(mode, schema),
  }
  const answer = createAnswerPlanned(answering)
  const executeByYoga = createYogaExecute(config, { documents, createContext, ...answering })
  const operations = createPlannedOperations(schema, {
    limits,
    registered: documents?.documents.values() ?? [],
    asksBeforePlan,
  })
  const textOf = documents === null ? null : createTextOf(documents)

  const find = (request: OperationRequest) => {
    const text = textOf === null ? (request.operation.query ?? null) : textOf(request)
    const { operationName, variables } = request.operation
    return text === null ? null : operations.find(text, operationName ?? null, variables ?? {})
  }

  return (request, accept, signal) => {
    const type = answerType(accept)
    const planned = type === null ? null : find(request)
    if (type === null || planned === null) return executeByYoga(request, accept, signal)
    // Before the context, whose records name the operation.
    request.state.operationName ??= planned.plan.operation.name?.value.slice(0, MAX_NAME_LENGTH) ?? null
    return answer(planned, { request, context: createContext(request), type, signal })
  }
}

interface YogaDeps extends AnswerDeps {
  readonly log: Log
  /** Null executes every operation as it is sent. */
  readonly documents: TrustedDocuments | null
  readonly createContext: (request: OperationRequest) => GraphContext
}

/** Yoga with its ordered list of plugins: parses, validates and executes any operation, and says what is wrong with it. */
function createYogaExecute(
  { mode, limits, subgraph }: Pick<Config, 'mode' | 'limits' | 'subgraph'>,
  { log, documents, createContext, logDefects, maskError, hideSchema }: YogaDeps,
): Execute {
  // Without the adapter of `createYoga`, whose part http/ has, and which loads Node's own fetch (`lib/node-http.ts`).
  const yoga = new YogaServer<OperationRequest, GraphContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: createContext,
    plugins: [
      useReadOperation(log),
      useRequestIds(),
      useAnswerNotes(),
      useShortMessages(),
      useSchemaPrivacy(mode, hideSchema),
      ...(subgraph.introspection ? [] : [useClientIntrospection()]),
      // The limit on errors comes last, after whatever may replace errors.
      ...(documents === null ? [] : [useTrustedDocuments(documents, mode)]),
      useDocumentLimits(limits),
      useObjectLimit(limits.objects),
      useErrorLimit(errorLimitsOf(limits)),
      useDefectLog(logDefects),
      useAudit(log),
      // Fields are no longer resolved for a caller who has gone away.
      useExecutionCancellation(),
    ],
    maskedErrors: { maskError, errorMessage: errorCodes.INTERNAL_SERVER_ERROR.message },
    parserAndValidationCache: {
      documentCache: createCache(KEPT_TEXTS),
      errorCache: createCache({ entries: 128, characters: 8192 }),
    },
    // What http/ has decided before, and Yoga's defaults, which are open: CORS with credentials, multipart, a landing page.
    cors: false,
    maxRequestBodySize: false,
    graphiql: false,
    multipart: false,
    landingPage: false,
    // Yoga's health check matches the end of the URL and precedes every plugin; no URL ends like this.
    healthCheckEndpoint: '\0',
    batching: false,
    logging: false,
  })
  const { Request } = yoga.fetchAPI

  return async (request, accept, signal) => {
    const headers = { 'content-type': 'application/json', accept: acceptedTypes(accept) ?? '*/*' }
    const init = { method: 'POST', headers, signal: signal() }
    const response = await yoga.handle(new Request(`http://localhost${GRAPHQL_PATH}`, init), {
      ...request,
      // For plugins that go on after the answer; there is none.
      waitUntil: () => undefined,
    })
    return { status: response.status, headers: ownHeaders(response), body: await response.text() }
  }
}

/** Hands the operation to Yoga, which would read it out of the body otherwise. */
function useReadOperation(log: Log): GraphPlugin {
  return {
    onRequestParse({ serverContext, setRequestParser }) {
      setRequestParser(() => serverContext.operation)
    },
    onExecute({ args }) {
      log.debug({ request_id: args.contextValue.state.id }, 'execute')
    },
  }
}

/** Which the adapter decides: they are about the connection and not about the response. */
const connectionHeaders = new Set(['connection', 'transfer-encoding', 'content-length'])

function ownHeaders(response: Response): Record<string, string> {
  const headers: Record<string, string> = {}
  response.headers.forEach((value, name) => {
    const key = name.toLowerCase()
    if (!connectionHeaders.has(key)) headers[key] = value
  })
  return headers
}

// Withholds every answer until its decisions are recorded; without a record it is not sent (docs/promises.md S13).

function useAudit(log: Log): GraphPlugin {
  return {
    onExecute({ args }) {
      const { audit, state } = args.contextValue
      return {
        async onExecuteDone({ result, setResult }) {
          try {
            // A stream would be sent before its later decisions are recorded.
            if (isAsyncIterable(result)) throw new Reason('the answer is a stream')
            await audit.commit()
          } catch (error) {
            setResult({ errors: [withhold(log, state, error)], data: null })
          }
        },
      }
    },
  }
}
