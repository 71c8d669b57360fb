/**
 * Measures how large an operation is once its fragments are spread, in one pass before the validation of graphql-js,
 * whose cost for chains of fragments is quadratic (docs/promises.md S11). Every definition is measured, because every
 * definition would be validated.
 */
import { Kind } from 'graphql'
import type { DefinitionNode, DocumentNode, FieldNode, SelectionNode, SelectionSetNode } from 'graphql'

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
