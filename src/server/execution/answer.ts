/** Answers a planned operation as Yoga and its plugins answer any other one (`graph.ts`). */
import { GraphQLError } from 'graphql'
import { CodedError, reasonOf } from '../../errors.ts'
import type { HttpResponse } from '../../http/message.ts'
import type { Answer } from '../../lib/answer.ts'
import type { Log } from '../../log.ts'
import type { GraphContext } from '../../schema/graph-context.ts'
import type { OperationRequest, RequestState } from '../context.ts'
import { idsOf, noteOf, withRequestId } from '../observability/reasons.ts'
import type { LogDefects } from '../observability/reasons.ts'
import { limitErrors, shortenMessage } from '../plugins/errors.ts'
import type { ErrorLimits, HideSchema } from '../plugins/errors.ts'
import type { PlannedOperation } from './operations.ts'
import { runPlan } from './run.ts'
import type { Written } from './run.ts'
import { joinPieces } from './text.ts'

export interface AnswerDeps {
  readonly log: Log
  readonly logDefects: LogDefects
  readonly maskError: (error: unknown) => GraphQLError
  readonly hideSchema: HideSchema
}

export interface Asked {
  readonly request: OperationRequest
  readonly context: GraphContext
  /** The media type of the answer. */
  readonly type: string
  /** Returns what aborts when the caller goes away. */
  readonly signal: () => AbortSignal
}

/** Rejects with the reason of the caller's signal when it aborts; a promise only where something was waited for. */
export type AnswerPlanned = (planned: PlannedOperation, asked: Asked) => Answer<HttpResponse>

export function createAnswerPlanned({
  log,
  maxErrors,
  logDefects,
  maskError,
  hideSchema,
}: AnswerDeps & { readonly maxErrors: ErrorLimits }): AnswerPlanned {
  /** What the caller sees of the errors of an execution: few, masked, short, and with the id of the request. */
  function show(
    errors: readonly GraphQLError[],
    { state, viewer, operation }: OperationRequest,
  ): readonly GraphQLError[] {
    const shown = limitErrors(errors, maxErrors)
    logDefects(shown, state)
    return finish(shown, state, (error) => hideSchema(shortenMessage(maskError(error)), viewer, operation.query ?? ''))
  }

  /** Sends nothing before its decisions are recorded. */
  function conclude(written: Written, { request, context, type }: Asked): Answer<HttpResponse> {
    const { errors } = written
    const shown = errors.length === 0 ? errors : show(errors, request)
    const refuse = (error: unknown): HttpResponse =>
      respond(type, withheld, finish([withhold(log, request.state, error)], request.state))
    try {
      const committed = context.audit.commit()
      return committed === null
        ? respond(type, written, shown)
        : committed.then(() => respond(type, written, shown), refuse)
    } catch (error) {
      return refuse(error)
    }
  }

  return ({ plan, variables }, asked) => {
    log.debug({ request_id: asked.request.state.id, planned: true }, 'execute')
    const prepared = plan.readsRows ? asked.context.load.prepare() : null
    const written =
      prepared === null
        ? runPlan(plan, asked.context, variables)
        : prepared.then(() => runPlan(plan, asked.context, variables))
    if (!(written instanceof Promise)) return conclude(written, asked)
    return written.then((done) => {
      // Nobody waits for the answer, and fields that failed because of that are no failures.
      asked.signal().throwIfAborted()
      return conclude(done, asked)
    })
  }
}

function finish(
  errors: readonly GraphQLError[],
  state: RequestState,
  show: (error: GraphQLError) => GraphQLError = (error) => error,
): readonly GraphQLError[] {
  const shown = errors.map((error) => withRequestId(show(error), state.id))
  state.errors = shown.map(noteOf)
  return shown
}

/** `data` is JSON, in pieces. */
function respond(
  type: string,
  { data, isAscii }: Omit<Written, 'errors'>,
  errors: readonly GraphQLError[],
): HttpResponse {
  const start = errors.length === 0 ? '{"data":' : `{"errors":${JSON.stringify(errors)},"data":`
  return {
    status: 200,
    headers: { 'content-type': `${type}; charset=utf-8` },
    body: joinPieces([start, ...data, '}'], isAscii && errors.length === 0),
  }
}

const withheld = { data: ['null'], isAscii: true }

/** Without a record of its decisions no answer is sent (docs/promises.md S13). Returns the error that takes its place. */
export function withhold(log: Log, state: RequestState, failure: unknown): GraphQLError {
  const reason = reasonOf(failure) ?? undefined
  log.error(
    { ...idsOf(state), reason, error: failure },
    'an answer was withheld because its audit could not be written',
  )
  const error = new CodedError('INTERNAL_SERVER_ERROR', 'The answer was withheld: it could not be recorded.', {
    retryable: true,
  })
  return new GraphQLError(error.message, { extensions: { ...error.extensions } })
}
