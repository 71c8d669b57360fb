/**
 * Operations: how one is read out of a request body, and the plans of those that are asked often, compiled once. An
 * operation is left to Yoga until its text has come twice: a caller chooses the text, and compiling what comes once costs
 * more than it saves. What cannot be compiled, and everything that is wrong with an operation, stays with Yoga.
 *
 * A body is one JSON object in UTF-8 with the members of GraphQL over HTTP. Lists of operations are refused, because a limit
 * for each operation would then not limit the request.
 */
import { getOperationAST, getVariableValues, Kind, parse, validate } from 'graphql'
import type {
  DocumentNode,
  GraphQLObjectType,
  GraphQLSchema,
  OperationDefinitionNode,
  VariableDefinitionNode,
} from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'
import { errorCodes } from '../../errors.ts'
import { RefusedError } from '../../http/error-response.ts'
import type { Refusal } from '../../http/message.ts'
import { createCache } from '../../lib/cache.ts'
import { parseJson } from '../../lib/json.ts'
import { shorten } from '../../lib/text.ts'
import { tokenText } from '../../schema/token-text.ts'
import { countObjects, createDocumentCheck } from '../limits/documents.ts'
import type { Limits } from '../limits/options.ts'
import { conditionsOf, createPlan } from './plan.ts'
import type { Plan, Variables } from './plan.ts'

/** A plan, with the variables of one request as their types take them. */
export interface PlannedOperation {
  readonly plan: Plan
  readonly variables: Variables
}

export interface PlannedOperations {
  /** Null: Yoga executes this request, or says what is wrong with it. */
  find(text: string, operationName: string | null, variables: Variables): PlannedOperation | null
}

interface KnownText {
  asked: number
  /** Undefined: not looked at yet; null: nothing to compile. */
  document: DocumentNode | null | undefined
  readonly operations: Map<string | null, KnownOperation | null>
}

interface KnownOperation {
  readonly operation: OperationDefinitionNode
  /** The variables by which fields are left out. */
  readonly conditions: readonly string[]
  /** By the values of those. */
  readonly plans: Map<string, Plan | null>
  /** The objects that it asks for, for the lists that were counted last: what else the variables are does not count. */
  counted: { readonly lengths: string; readonly objects: number } | null
}

/** Times that a text is left to Yoga before it is compiled. */
const ASKS_BEFORE_PLAN = 2
/** Texts, and characters of them, that are kept; those of the parser's cache as well (`graph.ts`). */
export const KEPT_TEXTS = { entries: 1024, characters: 8192 } as const
/** Every such variable doubles the plans of an operation. */
const MAX_CONDITIONS = 3

export interface PlanOptions {
  readonly limits: Limits
  /** Texts that are compiled when they come for the first time, and kept: the operator chose them. */
  readonly registered: Iterable<string>
  /** 0 in tests that compare the two. */
  readonly asksBeforePlan?: number | undefined
}

export function createPlannedOperations(
  schema: GraphQLSchema,
  { limits, registered, asksBeforePlan = ASKS_BEFORE_PLAN }: PlanOptions,
): PlannedOperations {
  const newText = (asked: number): KnownText => ({ asked, document: undefined, operations: new Map() })
  const trusted = new Map([...registered].map((text) => [text, newText(asksBeforePlan)]))
  const texts = createCache<KnownText>(KEPT_TEXTS)
  const check = createDocumentCheck(limits)
  const rowsOf = (type: GraphQLObjectType) => (type.name === 'OAuthAccessToken' ? tokenText : null)

  function read(text: string): DocumentNode | null {
    try {
      const document = parse(text, { maxLexicalTokens: limits.tokens })
      return check(document) === null && validate(schema, document, undefined, { maxErrors: 1 }).length === 0
        ? document
        : null
    } catch {
      // Yoga reports what is wrong.
      return null
    }
  }

  function readOperation(document: DocumentNode, name: string | null): KnownOperation | null {
    const operation = getOperationAST(document, name)
    if (operation === null || operation === undefined) return null
    const conditions = conditionsOf(document)
    return conditions.length > MAX_CONDITIONS ? null : { operation, conditions, plans: new Map(), counted: null }
  }

  function known(text: string, name: string | null): { document: DocumentNode; operation: KnownOperation } | null {
    let entry = trusted.get(text) ?? texts.get(text)
    if (entry === undefined) texts.set(text, (entry = newText(0)))
    if (entry.asked++ < asksBeforePlan) return null
    const document = (entry.document ??= entry.document === null ? null : read(text))
    if (document === null) return null
    let operation = entry.operations.get(name)
    if (operation === undefined) {
      operation = readOperation(document, name)
      // Names that the document lacks are not kept: there is no end of them.
      if (operation !== null) entry.operations.set(name, operation)
    }
    return operation === null ? null : { document, operation }
  }

  return {
    find(text, operationName, given) {
      const found = known(text, operationName)
      if (found === null) return null
      const { document, operation } = found
      const variables = coerce(schema, operation.operation, given)
      if (variables === null || objectsOf(document, operationName, operation, variables) > limits.objects) return null
      const { conditions } = operation
      const values = conditions.length === 0 ? '' : conditions.map((name) => String(variables[name])).join()
      let plan = operation.plans.get(values)
      if (plan === undefined)
        operation.plans.set(values, (plan = createPlan(schema, document, operation.operation, variables, rowsOf)))
      return plan === null ? null : { plan, variables }
    },
  }
}

function objectsOf(
  document: DocumentNode,
  name: string | null,
  operation: KnownOperation,
  variables: Variables,
): number {
  let lengths = ''
  for (const each in variables) {
    const value = variables[each]
    lengths += Array.isArray(value) ? `${value.length},` : ','
  }
  if (operation.counted?.lengths !== lengths)
    operation.counted = { lengths, objects: countObjects(document, name, variables) }
  return operation.counted.objects
}

const noVariables: Variables = Object.freeze({})

function coerce(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  given: Variables,
): Variables | null {
  if (variableDefinitions.length === 0) return noVariables
  const texts = coerceTexts(variableDefinitions, given)
  if (texts !== null) return texts
  return getVariableValues(schema, variableDefinitions, given, { maxErrors: 1 }).coerced ?? null
}

const textTypes: ReadonlySet<string> = new Set(['ID', 'String'])

/**
 * The variables where each is given as a text, or as a list of texts, and declared as such: they are what they are.
 * Null: the general way, which also says what is wrong.
 */
function coerceTexts(definitions: readonly VariableDefinitionNode[], given: Variables): Variables | null {
  const variables: Record<string, unknown> = {}
  for (const { variable, type } of definitions) {
    const name = variable.name.value
    if (name === '__proto__') return null
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    const inner = type.kind === Kind.NON_NULL_TYPE ? type.type : type
    if (inner.kind === Kind.NAMED_TYPE) {
      if (typeof value !== 'string' || !textTypes.has(inner.name.value)) return null
    } else {
      const item = inner.type.kind === Kind.NON_NULL_TYPE ? inner.type.type : inner.type
      if (item.kind !== Kind.NAMED_TYPE || !textTypes.has(item.name.value)) return null
      if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) return null
    }
    variables[name] = value
  }
  return variables
}

const members = ['query', 'variables', 'operationName', 'extensions']
const membersWithId = ['documentId', ...members]

/** With `hasDocuments` the id of a registered document may take the place of the query. Throws `RefusedError`. */
export function readOperation(bytes: Uint8Array, hasDocuments: boolean): GraphQLParams {
  const body = parseJson(bytes)
  if (body === undefined) throw badRequest('The body is not JSON in UTF-8.')
  if (Array.isArray(body)) throw badRequest('Lists of operations are refused; send one operation in each request.')
  if (typeof body !== 'object' || body === null) throw badRequest('The body must be a JSON object.')
  const allowed = hasDocuments ? membersWithId : members
  if (Object.entries(body).some(([name, value]) => value != null && !allowed.includes(name)))
    throw badRequest(`The body may have the members ${listNames(allowed)} alone.`)
  const { query, operationName, variables, extensions } = body as Record<string, unknown>
  if (!hasDocuments && query == null && asksForHash(extensions)) throw new RefusedError(hashesNotSupported)
  // The plugin for trusted documents refuses a body with neither a query nor an id.
  if (typeof query !== 'string' && !(hasDocuments && query == null))
    throw badRequest('The member query must be a string.')
  if (operationName != null && typeof operationName !== 'string')
    throw badRequest('The member operationName must be a string.')
  if (!isObjectOrNone(variables)) throw badRequest('The member variables must be an object.')
  if (!isObjectOrNone(extensions)) throw badRequest('The member extensions must be an object.')
  const path = findInexactNumber(variables)
  if (path !== null)
    throw badRequest(
      `The number in ${shorten(path, MAX_PATH_LENGTH)} is larger than JSON can hold exactly; send it as a string.`,
    )
  // Clients that always write the member leave it empty.
  return operationName === '' ? withoutOperationName(body) : body
}

/** Characters. */
const MAX_PATH_LENGTH = 200

function withoutOperationName({ operationName: _, ...rest }: GraphQLParams): GraphQLParams {
  return rest
}

/** Apollo's clients send the hash of an operation first, and its text after this answer. */
export const hashesNotSupported = {
  // Not every client reads an answer with another status; Apollo Server answers so as well.
  status: 200,
  code: 'PERSISTED_QUERY_NOT_SUPPORTED',
  message: errorCodes.PERSISTED_QUERY_NOT_SUPPORTED.message,
} as const satisfies Refusal

function asksForHash(extensions: unknown): boolean {
  return typeof extensions === 'object' && extensions !== null && Object.hasOwn(extensions, 'persistedQuery')
}

/**
 * Returns the path of the first number that JavaScript may have rounded when it parsed it (beyond 2^53 - 1), or null. An
 * id that is sent as such a number is another user's id once it is rounded (graphql/graphql-js#3913). Goes level by
 * level instead of recursing, so that a deeply nested value cannot exhaust the stack.
 */
function findInexactNumber(variables: unknown): string | null {
  let level: (readonly [string, unknown])[] = [['variables', variables]]
  while (level.length > 0) {
    const next: (readonly [string, unknown])[] = []
    for (const [path, value] of level) {
      if (typeof value === 'number' && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) return path
      if (value === null || typeof value !== 'object') continue
      const isList = Array.isArray(value)
      for (const [key, child] of Object.entries(value)) {
        if (typeof child === 'number' || (typeof child === 'object' && child !== null))
          next.push([isList ? `${path}[${key}]` : `${path}.${nameText(key)}`, child])
      }
    }
    level = next
  }
  return null
}

/** Shows a name only if it looks like one: a secret may have been sent in its place. */
function nameText(name: string): string {
  return /^\w{1,40}$/.test(name) ? name : '…'
}

function isObjectOrNone(value: unknown): boolean {
  return value == null || (typeof value === 'object' && !Array.isArray(value))
}

function listNames(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}

function badRequest(message: string): RefusedError {
  return new RefusedError({ status: 400, code: 'BAD_USER_INPUT', message })
}
