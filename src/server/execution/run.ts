/**
 * Executes a plan and writes the text of its answer (GraphQL specification, section 6). What is at hand is written without
 * a promise; errors, null bubbling and their order are those of the general executor (`test/graph/planned.test.ts`).
 */
import { GraphQLError, locatedError } from 'graphql'
import type { GraphQLLeafType, GraphQLResolveInfo } from 'graphql'
import type { Answer } from '../../lib/answer.ts'
import type { GraphContext } from '../../schema/graph-context.ts'
import type { SubjectToken } from '../../tokens/types.ts'
import type { Arguments, FieldPlan, Plan, SelectionPlan, ValuePlan, Variables } from './plan.ts'
import { append, cut, detach, isAsciiText, newText, piecesOf } from './text.ts'
import type { Text } from './text.ts'

/** An answer: `data` is JSON, in pieces. */
export interface Written {
  readonly data: readonly string[]
  readonly isAscii: boolean
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

interface Run {
  readonly plan: Plan
  readonly context: GraphContext
  readonly variables: Variables
  /** By the index of their fields, where they depend on the variables. */
  readonly args: (Arguments | undefined)[]
  readonly infos: (GraphQLResolveInfo | undefined)[]
  readonly errors: GraphQLError[]
  /** Whether everything that was written is ASCII. */
  isAscii: boolean
}

/** What is still to be written; null: nothing. Rejects with an error that is in its place already. */
type Pending = Promise<unknown> | null

/** `variables` are coerced. Rejects and throws for defects of this code alone. */
export function runPlan(plan: Plan, context: GraphContext, variables: Variables): Answer<Written> {
  const errors: GraphQLError[] = []
  const run: Run = { plan, context, variables, args: [], infos: [], errors, isAscii: true }
  const text = newText()
  const finish = (): Written => ({ data: piecesOf(text), isAscii: run.isAscii, errors })
  const fail = (error: unknown): Written => {
    errors.push(error as GraphQLError)
    return { data: ['null'], isAscii: true, errors }
  }
  try {
    const pending = writeObject(run, plan.root, undefined, null, text)
    return pending === null ? finish() : pending.then(finish, fail)
  } catch (error) {
    return fail(error)
  }
}

function writeObject(run: Run, { fields }: SelectionPlan, source: unknown, before: Place | null, text: Text): Pending {
  let waits: Promise<unknown>[] | null = null
  if (fields.length === 0) text.end += '{'
  for (const field of fields) {
    if (field.kind === 'typename') {
      text.end += field.text
      continue
    }
    text.end += field.label
    try {
      waits = addWait(waits, writeField(run, field, source, before, text))
    } catch (error) {
      return failAfter(waits, error)
    }
  }
  text.end += '}'
  return allOf(waits)
}

/** What is written before is waited for, because it may fail as well. */
function failAfter(waits: Promise<unknown>[] | null, error: unknown): Promise<never> {
  if (waits === null) throw error
  const rethrow = (): never => {
    throw error
  }
  return Promise.all(waits).then(rethrow, rethrow)
}

function addWait(waits: Promise<unknown>[] | null, pending: Pending): Promise<unknown>[] | null {
  if (pending === null) return waits
  if (waits === null) return [pending]
  waits.push(pending)
  return waits
}

function allOf(waits: Promise<unknown>[] | null): Pending {
  return waits?.length === 1 ? (waits[0] ?? null) : waits && Promise.all(waits)
}

function writeField(run: Run, field: FieldPlan, source: unknown, before: Place | null, text: Text): Pending {
  let value: unknown
  try {
    value = field.resolve(source, argumentsOf(run, field), run.context, infoOf(run, field))
  } catch (error) {
    fail(run, { before, key: field.key, field, plan: field.value }, error, text)
    return null
  }
  return writeAt(run, { before, key: field.key, field, plan: field.value }, value, text)
}

/** Writes a value, or the value of a promise. Throws and rejects with errors that are in their place already. */
function writeAt(run: Run, place: Place, value: unknown, text: Text): Pending {
  if (!isPromise(value)) return settle(run, place, value, text)
  const own = newText()
  append(text, own)
  return value.then(
    (resolved) => settle(run, place, resolved, own),
    (error: unknown) => {
      fail(run, place, error, own)
    },
  )
}

function settle(run: Run, place: Place, value: unknown, text: Text): Pending {
  if (place.plan.kind === 'leaf' || value === null) return settleLeaf(run, place, value, text)
  const parts = text.parts.length
  const { end } = text
  let pending: Pending
  try {
    pending = writeValue(run, place, value, text)
  } catch (error) {
    cut(text, parts, end)
    fail(run, place, error, text)
    return null
  }
  if (pending === null) return null
  const own = detach(text, parts, end)
  return pending.then(undefined, (error: unknown) => {
    cut(own, 0, '')
    fail(run, place, error, own)
  })
}

/** A leaf waits for nothing, and writes nothing before it fails. */
function settleLeaf(run: Run, place: Place, value: unknown, text: Text): null {
  try {
    void writeValue(run, place, value, text)
  } catch (error) {
    fail(run, place, error, text)
  }
  return null
}

/** Writes what takes the place of a value that failed; where that may not be null, the error goes on to the place around it. */
function fail({ errors }: Run, place: Place, error: unknown, text: Text): void {
  const located = locatedError(toError(error), place.field.nodes, pathOf(place))
  if (place.plan.isNonNull) throw located
  errors.push(located)
  text.end += 'null'
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
function writeValue(run: Run, place: Place, value: unknown, text: Text): Pending {
  const { field, plan } = place
  if (value instanceof Error) throw value
  if (value === null || value === undefined) {
    if (plan.isNonNull) throw new Error(`Cannot return null for non-nullable field ${nameOf(field)}.`)
    text.end += 'null'
    return null
  }
  switch (plan.kind) {
    case 'leaf': {
      const leaf = leafText(plan.type, value)
      if (run.isAscii) run.isAscii = isAsciiText(leaf)
      text.end += leaf
      return null
    }
    case 'list':
      return writeList(run, place, plan.item, value, text)
    case 'object':
      return writeRow(run, plan.selection, value, place, text)
    case 'abstract': {
      const name = plan.type.resolveType?.(value, run.context, infoOf(run, field), plan.type)
      const selection = typeof name === 'string' ? plan.selections.get(name) : undefined
      if (selection === undefined) throw new Error(`${plan.type.name} must resolve to one of its types.`)
      return writeObject(run, selection, value, place, text)
    }
  }
}

/** Writes a row of a list whose text is kept. */
function writeKnown(run: Run, item: ValuePlan, value: unknown, text: Text): boolean {
  if (item.kind !== 'object') return false
  const { kept } = item.selection
  if (kept?.rows.isRow(value) !== true) return false
  const known = kept.rows.disclose(run.context, value, kept.secrets)?.get(item.selection)
  if (known === undefined) return false
  if (!known.isAscii) run.isAscii = false
  append(text, known.text)
  return true
}

/** A row whose texts are kept is written once for each selection. */
function writeRow(run: Run, selection: SelectionPlan, value: unknown, place: Place, text: Text): Pending {
  const { kept } = selection
  const texts = kept?.rows.disclose(run.context, value, kept.secrets) ?? null
  if (texts === null) return writeObject(run, selection, value, place, text)
  const known = texts.get(selection)
  if (known !== undefined) {
    if (!known.isAscii) run.isAscii = false
    append(text, known.text)
    return null
  }
  const failed = run.errors.length
  const own = newText()
  append(text, own)
  const pending = writeObject(run, selection, value, place, own)
  if (pending === null && run.errors.length === failed) keep(texts, selection, piecesOf(own).join(''))
  return pending
}

/** Texts of one row, and characters of one text, that are kept at most. */
const MAX_TEXTS = 4
const MAX_TEXT_LENGTH = 4096

function keep(texts: SubjectToken['texts'], selection: SelectionPlan, text: string): void {
  if (text.length > MAX_TEXT_LENGTH) return
  if (texts.size >= MAX_TEXTS) texts.clear()
  const bytes = Buffer.from(text)
  // Copied: a text that is joined of parts would keep all of them.
  texts.set(selection, { text: bytes.toString(), isAscii: bytes.length === text.length })
}

function leafText(type: GraphQLLeafType, value: unknown): string {
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

function writeList(run: Run, before: Place, item: ValuePlan, list: unknown, text: Text): Pending {
  const { field } = before
  if (!isIterable(list)) throw new Error(`Expected Iterable, but did not find one for field "${nameOf(field)}".`)
  let waits: Promise<unknown>[] | null = null
  let index = 0
  text.end += '['
  for (const value of list) {
    if (index > 0) text.end += ','
    const key = index++
    if (writeKnown(run, item, value, text)) continue
    try {
      waits = addWait(waits, writeAt(run, { before, key, field, plan: item }, value, text))
    } catch (error) {
      return failAfter(waits, error)
    }
  }
  text.end += ']'
  return allOf(waits)
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
