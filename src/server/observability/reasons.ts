/**
 * The reasons of refusals and failures, in the log: one line each, with the ids by which an operator finds the request.
 * Callers see codes and fixed messages; why a claim was refused or a connection failed stands here and nowhere else. The
 * calls of upstreams are passed on from here, to the log at level debug, the metrics and the spans.
 */
import { getOperationAST, GraphQLError, Kind } from 'graphql'
import type { DocumentNode, ExecutionResult } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import { CodedError, knownErrorCodes, reasonOf } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { limitLines } from '../../log.ts'
import type { LimitedLog, Log } from '../../log.ts'
import type { PlatformEvent, UpstreamEvent } from '../../upstreams/platform.ts'
import type { AnsweredError, GraphPlugin, OperationRequest, RequestState } from '../context.ts'

export interface ReasonLog {
  /** Credentials and proofs of gateways that were refused. */
  refusal(state: RequestState, reason: string, message: string): void
  /** What could not be decided: it is about this server or an issuer, not about the caller. */
  undecided(state: RequestState, error: CodedError, message: string): void
  /** Failures of upstreams, one line for each kind that a request meets. */
  upstream(state: RequestState): (error: CodedError) => void
}

/** Receives what upstreams tell of their calls. */
export interface UpstreamObserver {
  readonly any: (event: UpstreamEvent) => void
  /** That of one upstream, whose name it adds. */
  of(upstream: string): (event: PlatformEvent) => void
}

/** Passes events on to the log at level debug, and to the receivers that are there. */
export function createUpstreamObserver(
  log: Log,
  receivers: readonly (((event: UpstreamEvent) => void) | undefined)[],
): UpstreamObserver {
  const present = receivers.filter((receiver) => receiver !== undefined)
  const any = (event: UpstreamEvent): void => {
    if (log.isLevelEnabled('debug')) {
      const { traces: _, ...facts } = event
      log.debug(facts, 'upstream')
    }
    for (const receiver of present) receiver(event)
  }
  return {
    any,
    of: (upstream) => (event) => {
      any({ ...event, upstream })
    },
  }
}

/** Which the operator has to see: the upstream, its key or its network is in trouble. The others are about one user. */
const operatorsCodes: ReadonlySet<ErrorCode> = new Set([
  'UPSTREAM_REJECTED',
  'UPSTREAM_RATE_LIMITED',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_PROTOCOL_ERROR',
  'INTERNAL_SERVER_ERROR',
])

/** Create it once per process: lines are limited by their reason. */
export function createReasonLog(log: Log, write: LimitedLog = limitLines(log)): ReasonLog {
  return {
    refusal(state, reason, message) {
      write('info', `${message} ${reason}`, { ...idsOf(state), reason }, message)
    },
    undecided(state, error, message) {
      const reason = reasonOf(error) ?? error.code
      write('warn', `${message} ${reason}`, { ...idsOf(state), reason, error }, message)
    },
    upstream(state) {
      const seen = new Set<string>()
      return (error) => {
        const { upstream, provider, upstream_status, upstream_code, trace_id, retry_after_ms } = error.extensions
        const reason = reasonOf(error) ?? undefined
        const key = [upstream, error.code, upstream_status, upstream_code, reason].join(' ')
        if (seen.has(key)) return
        seen.add(key)
        write(
          operatorsCodes.has(error.code) ? 'warn' : 'info',
          key,
          {
            ...idsOf(state),
            upstream,
            provider,
            code: error.code,
            upstream_status,
            upstream_code,
            upstream_trace_id: trace_id,
            retry_after_ms,
            reason,
          },
          'upstream failed',
        )
      }
    },
  }
}

/** The members by which the lines of one request are joined. */
export function idsOf({ id, traceId }: RequestState): Readonly<Record<string, string>> {
  return { request_id: id, ...(traceId !== null && { trace_id: traceId }) }
}

/** Logs every defect of an execution with the ids of its request, before the errors are masked. */
export function useDefectLog(logDefects: LogDefects): GraphPlugin {
  return {
    onExecute({ args }) {
      const { state } = args.contextValue
      return {
        onExecuteDone({ result }) {
          if (!isAsyncIterable(result)) logDefects((result as ExecutionResult).errors ?? [], state)
        },
      }
    },
  }
}

/** `noteLogged` keeps the mask from logging a defect again without its ids. */
export type LogDefects = (errors: readonly GraphQLError[], state: RequestState) => void

export function createDefectLog(log: Log, noteLogged: (error: unknown) => void): LogDefects {
  return (errors, state) => {
    for (const error of errors) {
      const cause = rootCause(error)
      if (cause instanceof GraphQLError) continue
      const isCoded = cause instanceof CodedError
      if (isCoded && cause.code !== 'INTERNAL_SERVER_ERROR') continue
      const reason = reasonOf(cause) ?? undefined
      log.error({ ...idsOf(state), reason, error: cause }, isCoded ? 'internal error' : 'unexpected error')
      noteLogged(cause)
    }
  }
}

/** What a resolver threw. */
export function rootCause(error: unknown): unknown {
  let cause = error
  while (cause instanceof GraphQLError && cause.originalError != null) cause = cause.originalError
  return cause
}

/** Characters of the name of an operation in logs, spans and the audit. */
export const MAX_NAME_LENGTH = 64

/**
 * Notes what the line of a request says of its answer: the codes of its errors with their upstreams, and the name of
 * the operation, from the document where the caller sends no `operationName`.
 */
export function useAnswerNotes(): Plugin<OperationRequest, OperationRequest> {
  return {
    onParse({ context: { state, params } }) {
      return ({ result }) => {
        if (state.operationName !== null || !isDocument(result)) return
        const name = getOperationAST(result, params.operationName)?.name?.value
        state.operationName = name?.slice(0, MAX_NAME_LENGTH) ?? null
      }
    },
    onResultProcess({ result, serverContext }) {
      if (Array.isArray(result) || isAsyncIterable(result) || !('errors' in result)) return
      serverContext.state.errors = (result.errors ?? []).map(noteOf)
    },
  }
}

function isDocument(result: unknown): result is DocumentNode {
  return typeof result === 'object' && result !== null && 'kind' in result && result.kind === Kind.DOCUMENT
}

/** What the log and the metrics say of an error that is masked. */
export function noteOf({ extensions: { code, upstream } }: GraphQLError): AnsweredError {
  return {
    code: knownErrorCodes.has(code) ? String(code) : 'INTERNAL_SERVER_ERROR',
    upstream: typeof upstream === 'string' ? upstream : null,
  }
}

/** Puts the id of the request on every error of an answer, so that a report names the lines of the log. */
export function useRequestIds(): Plugin<object, OperationRequest> {
  return {
    onResultProcess({ result, setResult, serverContext }) {
      if (Array.isArray(result) || isAsyncIterable(result) || !('errors' in result)) return
      const { errors = [] } = result
      const { id } = serverContext.state
      setResult({ ...result, errors: errors.map((error) => withRequestId(error, id)) })
    },
  }
}

export function withRequestId(error: GraphQLError, id: string): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null, extensions } = error
  return new GraphQLError(error.message, {
    nodes,
    source,
    positions,
    path,
    extensions: { ...extensions, request_id: id },
  })
}
