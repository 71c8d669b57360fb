/** The limits on a document, whatever its variables are (docs/promises.md S11). */
import type { Plugin } from 'graphql-yoga'
import { getOperationAST, Kind, parse } from 'graphql'
import type {
  DefinitionNode,
  DocumentNode,
  FieldNode,
  OperationDefinitionNode,
  ParseOptions,
  SelectionNode,
  SelectionSetNode,
  Source,
  validate,
  ValueNode,
} from 'graphql'
import { operationError } from '../plugins/errors.ts'
import type { Limits } from './options.ts'

/**
 * Introspection is deeper than any other query and has an allowance of its own: the standard query has 14 levels and
 * about 220 fields below `__schema`. Callers who may not see the schema are refused by another plugin.
 */
const INTROSPECTION_DEPTH = 20
const INTROSPECTION_FIELDS = 500

interface Limit {
  isExceeded(measure: Measure): boolean
  /** Names the limit and its value, and nothing of the schema. */
  readonly message: string
}

/** The first that is exceeded is reported. */
function createLimits({ directives, aliases, root_fields: rootFields, fields, depth }: Limits): readonly Limit[] {
  return [
    {
      // Also of unknown directives.
      isExceeded: (measure) => measure.directives > directives,
      message: `The operation has too many directives: at most ${directives}.`,
    },
    {
      // Also of `__typename`: where it is exempt, it is the way around the limit.
      isExceeded: (measure) => measure.aliases > aliases,
      message: `The operation has too many aliases: at most ${aliases}.`,
    },
    {
      isExceeded: (measure) => measure.outermost > rootFields,
      message: `The operation selects too many root fields: at most ${rootFields}.`,
    },
    {
      isExceeded: (measure) => measure.fields > fields,
      message: `The operation selects too many fields: at most ${fields}.`,
    },
    {
      isExceeded: ({ introspection }) => introspection.fields > INTROSPECTION_FIELDS,
      message: `The operation selects too many fields of the schema: at most ${INTROSPECTION_FIELDS}.`,
    },
    {
      isExceeded: (measure) => measure.depth > depth,
      message: `The operation is too deep: at most ${depth} levels.`,
    },
    {
      isExceeded: ({ introspection }) => introspection.depth > INTROSPECTION_DEPTH,
      message: `The introspection is too deep: at most ${INTROSPECTION_DEPTH} levels.`,
    },
  ]
}

/** Returns a function from a document to what is too large about it; null: nothing. */
export function createDocumentCheck(limits: Limits): (document: DocumentNode) => string | null {
  const measured = createLimits(limits)
  return (document) => {
    const measure = measureDocument(document)
    return measured.find(({ isExceeded }) => isExceeded(measure))?.message ?? null
  }
}

/** Refuses documents that are too large: by their tokens while they are parsed, by the rest before they are validated. */
export function useDocumentLimits(limits: Limits): Plugin {
  const { tokens: maxLexicalTokens, validation_errors: maxErrors } = limits
  const check = createDocumentCheck(limits)
  return {
    onParse({ setParseFn }) {
      setParseFn((source: string | Source, options?: ParseOptions) => parse(source, { ...options, maxLexicalTokens }))
      return ({ result, replaceParseResult }) => {
        // graphql-js gives this error no code: "Document contains more that 1000 tokens. Parsing aborted."
        if (result instanceof Error && /Document contains more tha[nt] \d+ tokens/.test(result.message))
          replaceParseResult(operationError(`The operation is too long: at most ${maxLexicalTokens} tokens.`))
      }
    },
    onValidate({ params, setResult, validateFn, setValidationFn }) {
      const exceeded = check(params.documentAST as DocumentNode)
      if (exceeded !== null) setResult([operationError(exceeded)])
      // Validation ends after so many errors: a document with a thousand costs no more than one with a few.
      const next = validateFn as typeof validate
      setValidationFn(((schema, document, rules, options) =>
        next(schema, document, rules, { ...options, maxErrors })) satisfies typeof validate)
    },
  }
}

// Measures how large an operation is once its fragments are spread, in one pass before the validation of graphql-js,
// whose cost for chains of fragments is quadratic (docs/promises.md S11). Every definition is measured, because every
// definition would be validated.

export interface Measure {
  /** Fields; those of a fragment count once for each spread. */
  readonly fields: number
  /** Levels of nested fields. */
  readonly depth: number
  readonly aliases: number
  /** Fields of the outermost level of an operation. */
  readonly outermost: number
  /** As written: those of a fragment count once. */
  readonly directives: number
  /** What is selected below `__schema` and `__type`; it counts neither as fields, as depth nor as directives. */
  readonly introspection: { readonly fields: number; readonly depth: number }
}

const nothing: Measure = {
  fields: 0,
  depth: 0,
  aliases: 0,
  directives: 0,
  outermost: 0,
  introspection: { fields: 0, depth: 0 },
}

// The parser's cache returns the same node for the same text, so each distinct document is measured once.
const measured = new WeakMap<DocumentNode, Measure>()

/** Returns for each property the largest of all definitions; a fragment that spreads itself counts once. */
export function measureDocument(document: DocumentNode): Measure {
  const known = measured.get(document)
  if (known !== undefined) return known
  const measure = measureDefinitions(document.definitions)
  measured.set(document, measure)
  return measure
}

function measureDefinitions(definitions: readonly DefinitionNode[]): Measure {
  const bodies = new Map<string, SelectionSetNode>()
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) bodies.set(definition.name.value, definition.selectionSet)
  const fragments = new Map<string, Measure>()

  function ofDefinition(definition: DefinitionNode): Measure {
    const own = { ...nothing, directives: definition.directives?.length ?? 0 }
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      const inside = { ...ofSelections(definition.selectionSet), outermost: 0 }
      return add(own, definition.typeCondition.name.value.startsWith('__') ? asIntrospection(inside) : inside)
    }
    if (definition.kind !== Kind.OPERATION_DEFINITION) return own
    const onVariables = (definition.variableDefinitions ?? []).map(({ directives = [] }) => directives.length)
    return [{ ...nothing, directives: sum(onVariables) }, ofSelections(definition.selectionSet)].reduce(add, own)
  }

  function ofSelections({ selections }: SelectionSetNode): Measure {
    return selections.map(ofSelection).reduce(add, nothing)
  }

  function ofSelection(selection: SelectionNode): Measure {
    const own = { ...nothing, directives: selection.directives?.length ?? 0 }
    if (selection.kind === Kind.FIELD) return add(own, ofField(selection))
    if (selection.kind === Kind.INLINE_FRAGMENT) return add(own, ofSelections(selection.selectionSet))
    return add(own, ofFragment(selection.name.value))
  }

  function ofField({ name, alias, selectionSet }: FieldNode): Measure {
    const selected = selectionSet === undefined ? nothing : ofSelections(selectionSet)
    const inside = name.value === '__schema' || name.value === '__type' ? asIntrospection(selected) : selected
    return {
      ...inside,
      fields: inside.fields + 1,
      depth: inside.depth + 1,
      aliases: inside.aliases + (alias === undefined ? 0 : 1),
      outermost: 1,
    }
  }

  /** Each fragment is measured once, however often it is spread: the pass is no longer than the document. */
  function ofFragment(name: string): Measure {
    const known = fragments.get(name)
    if (known !== undefined) return known
    fragments.set(name, nothing) // ends a cycle, which validation then refuses
    const body = bodies.get(name)
    const measure = body === undefined ? nothing : ofSelections(body)
    fragments.set(name, measure)
    return measure
  }

  return definitions.map(ofDefinition).reduce(largest, nothing)
}

/** Siblings add up, and the deeper one is the depth. Doubles grow to Infinity and do not wrap around. */
function add(a: Measure, b: Measure): Measure {
  return {
    fields: a.fields + b.fields,
    depth: Math.max(a.depth, b.depth),
    aliases: a.aliases + b.aliases,
    directives: a.directives + b.directives,
    outermost: a.outermost + b.outermost,
    introspection: {
      fields: a.introspection.fields + b.introspection.fields,
      depth: Math.max(a.introspection.depth, b.introspection.depth),
    },
  }
}

function largest(a: Measure, b: Measure): Measure {
  return {
    fields: Math.max(a.fields, b.fields),
    depth: Math.max(a.depth, b.depth),
    aliases: Math.max(a.aliases, b.aliases),
    directives: Math.max(a.directives, b.directives),
    outermost: Math.max(a.outermost, b.outermost),
    introspection: {
      fields: Math.max(a.introspection.fields, b.introspection.fields),
      depth: Math.max(a.introspection.depth, b.introspection.depth),
    },
  }
}

/** Directives on what is selected of the schema, which code generators spread many times, do not count. */
function asIntrospection({ fields, depth, introspection, ...rest }: Measure): Measure {
  return {
    ...rest,
    directives: 0,
    fields: 0,
    depth: 0,
    introspection: { fields: fields + introspection.fields, depth: Math.max(depth, introspection.depth) },
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

// The limit on the objects that an operation asks for, once its variables are known: aliases and lists of ids multiply,
// and refusing each of a hundred thousand users costs more than answering (an error takes some 25 microseconds).

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
