/**
 * Executes a plan and writes the text of its answer (GraphQL specification, section 6). What is at hand is written without
 * a promise; errors, null bubbling and their order are those of the general executor (`test/execution/`).
 */
import { GraphQLError, locatedError } from 'graphql'
import type { GraphQLLeafType, GraphQLResolveInfo } from 'graphql'
import type { Answer } from '../../lib/answer.ts'
import type { GraphContext } from '../../schema/builder.ts'
import type { Arguments, FieldPlan, Plan, SelectionPlan, ValuePlan, Variables } from './plan.ts'

/** An answer: `data` is JSON. */
export interface Written {
  readonly data: string
  /** Not masked yet. */
  readonly errors: GraphQLError[]
}

/** Where a value stands in the answer: a linked list, because the path of most is never looked at. */
interface Place {
  readonly before: Place | null
  readonly key: string | number
  /** That the value belongs to. */
  readonly field: FieldPlan
  readonly plan: ValuePlan
}

/** Text that waits for others: each of `texts` stands before the value of the same index. */
interface Parts {
  readonly texts: string[]
  readonly values: Promise<string>[]
}

interface Run {
  readonly plan: Plan
  readonly context: GraphContext
  readonly variables: Variables
  /** By the index of their fields, where they depend on the variables. */
  readonly args: (Arguments | undefined)[]
  readonly infos: (GraphQLResolveInfo | undefined)[]
  readonly errors: GraphQLError[]
}

/** `variables` are coerced. Rejects and throws for defects of this code alone. */
export function runPlan(plan: Plan, context: GraphContext, variables: Variables): Answer<Written> {
  const errors: GraphQLError[] = []
  const run: Run = { plan, context, variables, args: [], infos: [], errors }
  const fail = (error: unknown): Written => {
    errors.push(error as GraphQLError)
    return { data: 'null', errors }
  }
  try {
    const data = writeObject(run, plan.root, undefined, null)
    return typeof data === 'string' ? { data, errors } : data.then((text) => ({ data: text, errors }), fail)
  } catch (error) {
    return fail(error)
  }
}

function writeObject(run: Run, { fields }: SelectionPlan, source: unknown, before: Place | null): Answer<string> {
  let text = ''
  let parts: Parts | null = null
  for (const field of fields) {
    text += text === '' && parts === null ? '{' : ','
    if (field.kind === 'typename') {
      text += field.text
      continue
    }
    let value: Answer<string>
    try {
      value = writeField(run, field, source, before)
    } catch (error) {
      if (parts === null) throw error
      // The fields before are waited for, because they may fail as well.
      const rethrow = (): never => {
        throw error
      }
      return Promise.all(parts.values).then(rethrow, rethrow)
    }
    text += field.label
    if (typeof value === 'string') text += value
    else {
      parts = addPart(parts, text, value)
      text = ''
    }
  }
  if (parts === null) return text === '' ? '{}' : `${text}}`
  return join(parts, `${text}}`)
}

function addPart(parts: Parts | null, text: string, value: Promise<string>): Parts {
  const all = parts ?? { texts: [], values: [] }
  all.texts.push(text)
  all.values.push(value)
  return all
}

async function join({ texts, values }: Parts, last: string): Promise<string> {
  let text = ''
  for (const [n, value] of (await Promise.all(values)).entries()) text += `${texts[n] ?? ''}${value}`
  return text + last
}

function writeField(run: Run, field: FieldPlan, source: unknown, before: Place | null): Answer<string> {
  const place = { before, key: field.key, field, plan: field.value }
  try {
    return writeAt(run, place, field.resolve(source, argumentsOf(run, field), run.context, infoOf(run, field)))
  } catch (error) {
    return fail(run, place, error)
  }
}

/** The text of a value or of the promise of one. Throws and rejects with errors that are in their place already. */
function writeAt(run: Run, place: Place, value: unknown): Answer<string> {
  if (!isPromise(value)) return settle(run, place, value)
  return value.then(
    (resolved) => settle(run, place, resolved),
    (error: unknown) => fail(run, place, error),
  )
}

function settle(run: Run, place: Place, value: unknown): Answer<string> {
  let written: Answer<string>
  try {
    written = writeValue(run, place, value)
  } catch (error) {
    return fail(run, place, error)
  }
  return typeof written === 'string' ? written : written.then(undefined, (error: unknown) => fail(run, place, error))
}

/** What takes the place of a value that failed; where that may not be null, the error goes on to the place around it. */
function fail({ errors }: Run, place: Place, error: unknown): string {
  const located = locatedError(toError(error), place.field.nodes, pathOf(place))
  if (place.plan.isNonNull) throw located
  errors.push(located)
  return 'null'
}

function argumentsOf(run: Run, field: FieldPlan): Arguments {
  return field.args ?? (run.args[field.index] ??= field.readArguments(run.variables))
}

/** One for all objects of a field: without their paths, which no resolver of this schema looks at. */
function infoOf({ plan, variables, infos }: Run, { index, field, nodes, parent }: FieldPlan): GraphQLResolveInfo {
  const known = infos[index]
  if (known !== undefined) return known
  const info = {
    fieldName: field.name,
    fieldNodes: nodes,
    returnType: field.type,
    parentType: parent,
    path: noPath,
    schema: plan.schema,
    fragments: plan.fragments,
    operation: plan.operation,
    rootValue: undefined,
    variableValues: variables,
    // Members of graphql-js 17, which the types of a dependency add.
    getAbortSignal: () => undefined,
    getAsyncHelpers: notGiven,
  }
  infos[index] = info
  return info
}

const noPath = { prev: undefined, key: '', typename: undefined } as const

function notGiven(): never {
  throw new Error('a planned operation does not give this to resolvers')
}

/** Throws and rejects where the value is none of its type, or null where null is not allowed. */
function writeValue(run: Run, place: Place, value: unknown): Answer<string> {
  const { field, plan } = place
  if (value instanceof Error) throw value
  if (value === null || value === undefined) {
    if (plan.isNonNull) throw new Error(`Cannot return null for non-nullable field ${nameOf(field)}.`)
    return 'null'
  }
  switch (plan.kind) {
    case 'leaf':
      return writeLeaf(plan.type, value)
    case 'list':
      return writeList(run, place, plan.item, value)
    case 'object':
      return writeRow(run, plan.selection, value, place)
    case 'abstract': {
      const name = plan.type.resolveType?.(value, run.context, infoOf(run, field), plan.type)
      const selection = typeof name === 'string' ? plan.selections.get(name) : undefined
      if (selection === undefined) throw new Error(`${plan.type.name} must resolve to one of its types.`)
      return writeObject(run, selection, value, place)
    }
  }
}

/** A row whose texts are kept is written once for each selection. */
function writeRow(run: Run, selection: SelectionPlan, value: unknown, place: Place): Answer<string> {
  const { kept } = selection
  const texts = kept?.rows.disclose(run.context, value, kept.secrets) ?? null
  if (texts === null) return writeObject(run, selection, value, place)
  const known = texts.get(selection)
  if (known !== undefined) return known
  const failed = run.errors.length
  const text = writeObject(run, selection, value, place)
  if (typeof text === 'string' && run.errors.length === failed) keep(texts, selection, text)
  return text
}

/** Texts of one row, and characters of one text, that are kept at most. */
const MAX_TEXTS = 4
const MAX_TEXT_LENGTH = 4096

function keep(texts: Map<object, string>, selection: SelectionPlan, text: string): void {
  if (text.length > MAX_TEXT_LENGTH) return
  if (texts.size >= MAX_TEXTS) texts.clear()
  // Copied: a text that is joined of parts would keep all of them.
  texts.set(selection, Buffer.from(text).toString())
}

function writeLeaf(type: GraphQLLeafType, value: unknown): string {
  let serialized: unknown
  try {
    serialized = type.serialize(value)
  } catch (error) {
    // Its own error would otherwise count as an error of the operation.
    throw error instanceof GraphQLError ? new Error(error.message) : error
  }
  if (serialized === null || serialized === undefined)
    throw new Error(`Expected \`${type.name}.serialize\` to return a non-nullable value.`)
  return JSON.stringify(serialized)
}

function writeList(run: Run, before: Place, item: ValuePlan, list: unknown): Answer<string> {
  const { field } = before
  if (!isIterable(list)) throw new Error(`Expected Iterable, but did not find one for field "${nameOf(field)}".`)
  let text = '['
  let parts: Parts | null = null
  let index = 0
  for (const value of list) {
    if (index > 0) text += ','
    const written = writeAt(run, { before, key: index++, field, plan: item }, value)
    if (typeof written === 'string') text += written
    else {
      parts = addPart(parts, text, written)
      text = ''
    }
  }
  text += ']'
  return parts === null ? text : join(parts, text)
}

function nameOf({ parent, field }: FieldPlan): string {
  return `${parent.name}.${field.name}`
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('Unexpected error value.', { cause: error })
}

function pathOf(place: Place): readonly (string | number)[] {
  const keys: (string | number)[] = []
  for (let at: Place | null = place; at !== null; at = at.before) keys.unshift(at.key)
  return keys
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}
