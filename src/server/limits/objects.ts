/**
 * The limit on the objects that an operation asks for, once its variables are known: aliases and lists of ids multiply,
 * and refusing each of a hundred thousand users costs more than answering (an error takes some 25 microseconds).
 */
import type { Plugin } from 'graphql-yoga'
import { getOperationAST, Kind } from 'graphql'
import type {
  DocumentNode,
  FieldNode,
  OperationDefinitionNode,
  SelectionNode,
  SelectionSetNode,
  ValueNode,
} from 'graphql'
import { operationError } from '../plugins/errors.ts'

interface ExecutionParts {
  readonly document: DocumentNode
  readonly operationName?: string | null
  readonly variableValues?: Readonly<Record<string, unknown>> | null
}

export function useObjectLimit(max: number): Plugin {
  return {
    onExecute({ args, setResultAndStopExecution }) {
      const { document, operationName, variableValues } = args as ExecutionParts
      if (countObjects(document, operationName, variableValues ?? {}) <= max) return
      // As Yoga answers errors of validation: 400 where the media type tells it from a transport error.
      const http = { spec: true, status: 400 }
      const message = `The operation asks for too many objects: at most ${max}.`
      setResultAndStopExecution({ errors: [operationError(message, http)] })
    },
  }
}

type Variables = Readonly<Record<string, unknown>>

/**
 * Counts the objects that an operation asks for: its fields with a selection, multiplied by the entries of the lists in
 * their arguments and in those above them. `users(ids: [100 of them]) { external_accounts { id } }` asks for 200. What
 * a platform holds, such as two accounts of one user, is not known before it answers and does not count.
 *
 * The document must be valid; 0 when it has no such operation.
 */
export function countObjects(
  document: DocumentNode,
  operationName: string | null | undefined,
  given: Variables,
): number {
  const operation = getOperationAST(document, operationName)
  if (operation == null) return 0
  const defaults = defaultsOf(operation)
  const bodies = new Map<string, SelectionSetNode>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) bodies.set(definition.name.value, definition.selectionSet)
  const counted = new Map<string, number>()

  const ofSelections = ({ selections }: SelectionSetNode): number =>
    selections.reduce((total, selection) => total + ofSelection(selection), 0)

  function ofSelection(selection: SelectionNode): number {
    if (selection.kind === Kind.FIELD) return ofField(selection)
    if (selection.kind === Kind.INLINE_FRAGMENT) return ofSelections(selection.selectionSet)
    const name = selection.name.value
    const known = counted.get(name)
    if (known !== undefined) return known
    const body = bodies.get(name)
    const count = body === undefined ? 0 : ofSelections(body)
    counted.set(name, count)
    return count
  }

  function ofField({ arguments: args = [], selectionSet }: FieldNode): number {
    if (selectionSet === undefined) return 0
    const times = Math.max(1, ...args.map(({ value }) => lengthOf(value)))
    return times * (1 + ofSelections(selectionSet))
  }

  function lengthOf(value: ValueNode): number {
    if (value.kind === Kind.LIST) return value.values.length
    if (value.kind !== Kind.VARIABLE) return 1
    const name = value.name.value
    const list = Object.hasOwn(given, name) ? given[name] : undefined
    if (list === undefined) return defaults.get(name) ?? 1
    return Array.isArray(list) ? list.length : 1
  }

  return ofSelections(operation.selectionSet)
}

/** The lengths of the lists that are defaults of variables. */
function defaultsOf({ variableDefinitions = [] }: OperationDefinitionNode): ReadonlyMap<string, number> {
  return new Map(
    variableDefinitions.flatMap(({ variable, defaultValue }) =>
      defaultValue?.kind === Kind.LIST ? [[variable.name.value, defaultValue.values.length] as const] : [],
    ),
  )
}
