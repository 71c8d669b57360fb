/** The errors that callers see: coded errors as they are, GraphQL's own, and nothing of any other error. */
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import {
  getOperationAST,
  GraphQLError,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
  NoSchemaIntrospectionCustomRule,
} from 'graphql'
import type {
  DocumentNode,
  execute,
  ExecutionArgs,
  ExecutionResult,
  GraphQLErrorOptions,
  GraphQLSchema,
  SelectionSetNode,
  validate,
  ValidationRule,
} from 'graphql'
import { maySeeSchema } from '../../auth/policy.ts'
import type { Viewer } from '../../auth/viewer.ts'
import { CodedError, errorCodes, knownErrorCodes } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { shorten } from '../../lib/text.ts'
import type { Log } from '../../log.ts'
import type { Mode } from '../../mode.ts'
import { clientSchema } from '../../schema/sdl.ts'
import type { GraphPlugin } from '../context.ts'
import type { Limits } from '../limits/options.ts'
import { rootCause } from '../observability/reasons.ts'

/**
 * An error that is neither coded nor GraphQL's own is a defect: it is shown as unexpected, and logged unless `isLogged`
 * says that it was, with the ids of its request.
 */
export function createMaskError(log: Log, isLogged: (error: unknown) => boolean): (error: unknown) => GraphQLError {
  return (error) => {
    const cause = rootCause(error)
    if (cause instanceof CodedError) {
      if (cause.code === 'INTERNAL_SERVER_ERROR' && !isLogged(cause)) log.error({ error: cause }, 'internal error')
      return new GraphQLError(cause.message, { ...placeOf(error), extensions: { ...cause.extensions } })
    }
    if (error instanceof GraphQLError && cause instanceof GraphQLError) return withCode(error)
    if (!isLogged(cause)) log.error({ error: cause }, 'unexpected error')
    return new GraphQLError(errorCodes.INTERNAL_SERVER_ERROR.message, {
      ...placeOf(error),
      extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false },
    })
  }
}

/** The position in the operation and in the answer, without anything of the error itself. */
function placeOf(error: unknown): GraphQLErrorOptions {
  if (!(error instanceof GraphQLError)) return {}
  const { nodes = null, source = null, positions = null, path = null } = error
  return { nodes, source, positions, path }
}

/**
 * GraphQL's own errors without a code concern the caller's variables, and Yoga's codes (BAD_REQUEST) the caller's
 * request: the caller can correct both. Yoga reads the status from `http` and does not show it.
 */
function withCode(error: GraphQLError): GraphQLError {
  const { code, http } = error.extensions
  if (knownErrorCodes.has(code)) return error
  return new GraphQLError(error.message, {
    ...placeOf(error),
    extensions: { code: 'BAD_USER_INPUT', ...(http === undefined ? {} : { http }) },
  })
}

/** Characters. GraphQL's own messages quote the operation, whose names can be as long as a request. */
const MAX_MESSAGE_LENGTH = 300

/**
 * Shortens the messages of an answer. First of the plugins that look at messages: whatever they do takes a time that is
 * bounded by this length, and not by the size of a request (docs/promises.md S11).
 */
export function useShortMessages(): Plugin {
  return {
    onExecutionResult({ result, setResult }) {
      if (result === undefined || isAsyncIterable(result) || result.errors === undefined) return
      setResult({ ...result, errors: result.errors.map(shortenMessage) })
    },
  }
}

/** GraphQL's own messages quote the operation. */
export function shortenMessage(error: GraphQLError): GraphQLError {
  if (error.message.length <= MAX_MESSAGE_LENGTH) return error
  return replaceMessage(error, shorten(error.message, MAX_MESSAGE_LENGTH))
}

/**
 * Limits the errors of an answer, so that it does not grow with its mistakes. The parser and the validator report few
 * errors; those of the execution are cut before they are masked, because masking costs more than making them.
 */
export function useErrorLimit(max: ErrorLimits): Plugin {
  return {
    onExecute: () => ({
      onExecuteDone({ result, setResult }) {
        if (isAsyncIterable(result)) return
        const { errors = [] } = result as ExecutionResult
        if (errors.length > 1) setResult({ ...result, errors: limitErrors(errors, max) })
      },
    }),
  }
}

/** How many errors of one answer are told. */
export interface ErrorLimits {
  /** What the caller did wrong, and defects. */
  readonly mistakes: number
  /** Keys that failed: as many as an operation may ask for, so that each has an error of its own. */
  readonly keys: number
}

export function errorLimitsOf({ errors, token_reads: keys }: Limits): ErrorLimits {
  return { mistakes: errors, keys: Math.max(errors, keys) }
}

/** The first errors in the order of their places, and one that stands for the others. */
export function limitErrors(errors: readonly GraphQLError[], max: ErrorLimits): readonly GraphQLError[] {
  // Executors report them in the order in which upstreams answer.
  const ordered = errors.length > 1 ? errors.toSorted(comparePlaces) : errors
  const told: GraphQLError[] = []
  const leftOut: GraphQLError[] = []
  const counts = { mistakes: 0, keys: 0 }
  for (const error of ordered) {
    const kind = isOfKey(error) ? 'keys' : 'mistakes'
    counts[kind] += 1
    ;(counts[kind] <= max[kind] ? told : leftOut).push(error)
  }
  return leftOut[0] === undefined ? told : [...told, sumUp(leftOut.length, leftOut[0])]
}

/** Whether a key failed, by what an upstream or the access policy said of it. */
function isOfKey({ originalError, extensions: { code, upstream } }: GraphQLError): boolean {
  return originalError instanceof CodedError && (upstream !== undefined || code !== 'BAD_USER_INPUT')
}

/** By the position in the operation, then by the positions in the lists of the answer. */
function comparePlaces(a: GraphQLError, b: GraphQLError): number {
  const byText = (a.nodes?.[0]?.loc?.start ?? 0) - (b.nodes?.[0]?.loc?.start ?? 0)
  if (byText !== 0) return byText
  const [one, other] = [a.path ?? [], b.path ?? []]
  for (const [depth, key] of one.entries()) {
    const against = other[depth]
    if (typeof key === 'number' && typeof against === 'number' && key !== against) return key - against
  }
  return one.length - other.length
}

/** Takes the code of the first error left out; one without a code that is not GraphQL's own is a defect. */
function sumUp(count: number, first: GraphQLError): GraphQLError {
  const isDefect = first.originalError !== undefined && !(first.originalError instanceof GraphQLError)
  const fallback: ErrorCode = isDefect ? 'INTERNAL_SERVER_ERROR' : 'BAD_USER_INPUT'
  const { code = fallback } = first.extensions
  return new GraphQLError(`Further errors were left out: ${count}.`, { extensions: { code } })
}

/** The same error, in its place and with its extensions, with another message. */
function replaceMessage(error: GraphQLError, message: string): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null, extensions } = error
  return new GraphQLError(message, { nodes, source, positions, path, extensions })
}

/** What Yoga makes of the status: with `spec` only where the media type tells it from a transport error. */
export interface OperationErrorHttp {
  readonly spec?: boolean
  readonly status: number
}

/** Refuses an operation as a whole. The message names nothing of the schema. */
export function operationError(message: string, http: OperationErrorHttp | null = null): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', ...(http !== null && { http }) } })
}

// Hides the schema in production from callers without the grant: introspection is refused while the operation is
// validated, nothing is suggested, and errors repeat no name of the schema that the caller did not send
// (docs/promises.md S4).

export function useSchemaPrivacy(mode: Mode, hideSchema: HideSchema): GraphPlugin {
  if (mode === 'development') return {}
  return {
    onValidate({ context, addValidationRule, validateFn, setValidationFn }) {
      if (!maySeeSchema(context.viewer)) addRuleForSome(addValidationRule, NoSchemaIntrospectionCustomRule)
      const next = validateFn as typeof validate
      setValidationFn(((schema, document, rules, options) =>
        next(schema, document, rules, { ...options, hideSuggestions: true })) satisfies typeof validate)
    },
    onExecutionResult({ result, setResult, context }) {
      if (result === undefined || isAsyncIterable(result) || result.errors === undefined) return
      const sent = context.params.query ?? ''
      setResult({ ...result, errors: result.errors.map((error) => hideSchema(error, context.viewer, sent)) })
    },
  }
}

/** The error without what its message tells this viewer of the schema; `sent` is the text of the operation. */
export type HideSchema = (error: GraphQLError, viewer: Viewer, sent: string) => GraphQLError

export function createHideSchema(mode: Mode, schema: GraphQLSchema): HideSchema {
  if (mode === 'development') return (error) => error
  const redactNames = createRedactNames(schema)
  return (error, viewer, sent) => {
    const message = withoutSuggestion(error.message)
    return replaceMessage(error, maySeeSchema(viewer) ? message : redactNames(message, sent))
  }
}

/** Answers introspection out of the schema as clients see it, without the names of federation. */
export function useClientIntrospection(): GraphPlugin {
  let shown: GraphQLSchema | null = null
  return {
    onSchemaChange({ schema }) {
      shown = clientSchema(schema as GraphQLSchema)
    },
    onExecute({ args, executeFn, setExecuteFn }) {
      const { document, operationName } = args as ExecutionArgs
      if (shown === null || !introspectsOnly(document, operationName)) return
      const next = executeFn as typeof execute
      setExecuteFn(((given) => next({ ...given, schema: shown ?? given.schema })) satisfies typeof execute)
    },
  }
}

/** Whether the operation selects nothing but introspection at its root. */
function introspectsOnly(document: DocumentNode, operationName: string | null | undefined): boolean {
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition.selectionSet] as const] : [],
    ),
  )
  // The document is valid: fragments exist and form no cycle.
  const only = ({ selections }: SelectionSetNode): boolean =>
    selections.every((selection) => {
      if (selection.kind === Kind.FIELD) return selection.name.value.startsWith('__')
      const inner =
        selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : fragments.get(selection.name.value)
      return inner !== undefined && only(inner)
    })
  const operation = getOperationAST(document, operationName)
  return operation !== null && operation !== undefined && only(operation.selectionSet)
}

/**
 * Adds a rule that applies to some callers only. Yoga caches the results of validation by the names of the rules: the
 * name of this one keeps the results of these callers apart from those of all others.
 */
export function addRuleForSome(addValidationRule: (rule: ValidationRule) => void, rule: ValidationRule): void {
  if (rule.name === '') throw new Error('a validation rule for some callers needs a name')
  addValidationRule(rule)
}

const suggestion = ' Did you mean '

/** One rule of graphql-js suggests names in spite of `hideSuggestions`, at the end of its message. */
function withoutSuggestion(message: string): string {
  const at = message.lastIndexOf(suggestion)
  return at !== -1 && /[?…]$/.test(message) ? message.slice(0, at) : message
}

const name = /[_A-Za-z][_0-9A-Za-z]*/g
// Values of variables are quoted as JSON, so a quotation mark within one is escaped. A message that was shortened may
// end within a quotation.
const quotation = /"(?:\\.|[^"\\])*(?:"|$)/g

type RedactNames = (message: string, sent: string) => string

/**
 * Returns a function from a message and the text of the operation to the message without those names of the schema that
 * are not in the text: GraphQL's own messages name the types and arguments next to a mistake. GraphQL quotes every name
 * that it mentions, so only quotations are searched.
 */
function createRedactNames(schema: GraphQLSchema): RedactNames {
  const names = namesOf(schema)
  return (message, sent) => {
    if (!message.includes('"')) return message
    const known = new Set(sent.match(name))
    return message.replace(quotation, (quoted) => {
      const isRevealed = (quoted.match(name) ?? []).some((word) => names.has(word) && !known.has(word))
      return isRevealed ? '"…"' : quoted
    })
  }
}

function namesOf(schema: GraphQLSchema): ReadonlySet<string> {
  const names = new Set(schema.getDirectives().map((directive) => directive.name))
  for (const type of Object.values(schema.getTypeMap())) {
    // `ID` and `Int` are GraphQL's, but next to an argument they tell its type.
    names.add(type.name)
    if (isEnumType(type)) for (const value of type.getValues()) names.add(value.name)
    if (isObjectType(type) || isInterfaceType(type))
      for (const field of Object.values(type.getFields())) {
        names.add(field.name)
        for (const argument of field.args) names.add(argument.name)
      }
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) names.add(field.name)
  }
  return names
}
