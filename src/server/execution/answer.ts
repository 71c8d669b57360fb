/** Answers a planned operation as Yoga and its plugins answer any other one (`yoga.ts`). */
import { GraphQLError } from 'graphql'
import { CodedError, reasonOf } from '../../errors.ts'
import type { HttpResponse } from '../../http/message.ts'
import type { Log } from '../../log.ts'
import type { GraphContext } from '../../schema/builder.ts'
import type { OperationRequest, RequestState } from '../context.ts'
import { idsOf, noteOf, withRequestId } from '../observability/reasons.ts'
import type { LogDefects } from '../observability/reasons.ts'
import { limitErrors, shortenMessage } from '../plugins/errors.ts'
import type { ErrorLimits, HideSchema } from '../plugins/errors.ts'
import type { PlannedOperation } from './operations.ts'
import { runPlan } from './run.ts'

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

/** Rejects with the reason of the caller's signal when it aborts. */
export type Answer = (planned: PlannedOperation, asked: Asked) => Promise<HttpResponse>

export function createAnswer({
  log,
  maxErrors,
  logDefects,
  maskError,
  hideSchema,
}: AnswerDeps & { readonly maxErrors: ErrorLimits }): Answer {
  /** What the caller sees of the errors of an execution: few, masked, short, and with the id of the request. */
  function show(
    errors: readonly GraphQLError[],
    { state, viewer, operation }: OperationRequest,
  ): readonly GraphQLError[] {
    const shown = limitErrors(errors, maxErrors)
    logDefects(shown, state)
    return finish(shown, state, (error) => hideSchema(shortenMessage(maskError(error)), viewer, operation.query ?? ''))
  }

  return async ({ plan, variables }, { request, context, type, signal }) => {
    const { state } = request
    log.debug({ request_id: state.id, planned: true }, 'execute')
    const written = runPlan(plan, context, variables)
    const { data, errors } = written instanceof Promise ? await written : written
    // Nobody waits for the answer, and fields that failed because of that are no failures.
    if (written instanceof Promise) signal().throwIfAborted()
    const shown = errors.length === 0 ? errors : show(errors, request)
    try {
      await context.audit.commit()
    } catch (error) {
      return respond(type, 'null', finish([withhold(log, state, error)], state))
    }
    return respond(type, data, shown)
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

/** `data` is JSON. */
function respond(type: string, data: string, errors: readonly GraphQLError[]): HttpResponse {
  return {
    status: 200,
    headers: { 'content-type': `${type}; charset=utf-8` },
    body: errors.length === 0 ? `{"data":${data}}` : `{"errors":${JSON.stringify(errors)},"data":${data}}`,
  }
}

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
