/** The GraphQL part of the server: Yoga with its ordered list of plugins parses, validates and executes operations. */
import { createYoga, isAsyncIterable, useExecutionCancellation } from 'graphql-yoga'
import { GraphQLError } from 'graphql'
import type { ExecutionResult } from 'graphql'
import type { Config } from '../config/load.ts'
import { CodedError, errorCodes, Reason, reasonOf } from '../errors.ts'
import { acceptedTypes } from '../http/error-response.ts'
import type { HttpResponse } from '../http/message.ts'
import { GRAPHQL_PATH } from '../http/policy.ts'
import { createCache } from '../lib/cache.ts'
import type { Log } from '../log.ts'
import type { GraphContext } from '../schema/builder.ts'
import { schema } from '../schema/index.ts'
import { createContextFactory } from './context.ts'
import type { ContextDeps, GraphPlugin, OperationRequest } from './context.ts'
import { useDocumentLimits, useObjectLimit } from './limits/documents.ts'
import type { Metrics } from './observability/metrics.ts'
import { useAnswerNotes, useDefectLog, useRequestIds } from './observability/reasons.ts'
import {
  createMaskError,
  useClientIntrospection,
  useErrorLimit,
  useSchemaPrivacy,
  useShortMessages,
} from './plugins/errors.ts'
import { useTrustedDocuments } from './trusted-documents/plugin.ts'
import type { TrustedDocuments } from './trusted-documents/plugin.ts'

export interface GraphDeps extends ContextDeps {
  readonly log: Log
  /** Null executes every operation as it is sent. */
  readonly documents: TrustedDocuments | null
  readonly metrics: Metrics | null
}

export interface Graph {
  /** `accept` is the header of the request; `signal` aborts when the caller goes away. */
  execute(request: OperationRequest, accept: string | null, signal: AbortSignal): Promise<HttpResponse>
  dispose(): Promise<void>
}

export function createGraph(
  config: Pick<Config, 'mode' | 'auth' | 'limits' | 'subgraph'>,
  { log, documents, ...deps }: GraphDeps,
): Graph {
  const { mode, limits, subgraph } = config
  const logged = new WeakSet<object>()
  const noteLogged = (error: unknown): void => {
    if (error instanceof Error) logged.add(error)
  }
  const isLogged = (error: unknown): boolean => error instanceof Error && logged.has(error)
  const yoga = createYoga<OperationRequest, GraphContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: createContextFactory(config, deps),
    plugins: [
      useReadOperation(log),
      useRequestIds(),
      useAnswerNotes(),
      useShortMessages(),
      useSchemaPrivacy(mode),
      ...(subgraph.introspection ? [] : [useClientIntrospection()]),
      // The limit on errors comes last, after whatever may replace errors.
      ...(documents === null ? [] : [useTrustedDocuments(documents, mode)]),
      useDocumentLimits(limits),
      useObjectLimit(limits.objects),
      useErrorLimit(limits.errors),
      useDefectLog(log, noteLogged),
      useAudit(log),
      // Fields are no longer resolved for a caller who has gone away.
      useExecutionCancellation(),
    ],
    maskedErrors: { maskError: createMaskError(log, isLogged), errorMessage: errorCodes.INTERNAL_SERVER_ERROR.message },
    parserAndValidationCache: {
      documentCache: createCache({ entries: 1024, characters: 8192 }),
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

  return {
    async execute(request, accept, signal) {
      const headers = { 'content-type': 'application/json', accept: acceptedTypes(accept) ?? '*/*' }
      const init = { method: 'POST', headers, signal }
      const response = await yoga.handleRequest(new Request(`http://localhost${GRAPHQL_PATH}`, init), request)
      return { status: response.status, headers: ownHeaders(response), body: await response.text() }
    },
    async dispose() {
      await yoga.dispose()
    },
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
            const { id, traceId } = state
            const reason = reasonOf(error) ?? undefined
            log.error(
              { request_id: id, trace_id: traceId ?? undefined, reason, error },
              'an answer was withheld because its audit could not be written',
            )
            setResult(withheld())
          }
        },
      }
    },
  }
}

function withheld(): ExecutionResult {
  const error = new CodedError('INTERNAL_SERVER_ERROR', 'The answer was withheld: it could not be recorded.', {
    retryable: true,
  })
  return { data: null, errors: [new GraphQLError(error.message, { extensions: { ...error.extensions } })] }
}
