/**
 * Compiles a valid operation into a plan: fields are collected, merged and looked up once, and arguments without
 * variables are read once. Closures and data alone: no code is generated, so that it also works under
 * `--disallow-code-generation-from-strings`.
 */
import {
  defaultFieldResolver,
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  OperationTypeNode,
  visit,
} from 'graphql'
import type {
  ArgumentNode,
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLAbstractType,
  GraphQLField,
  GraphQLFieldResolver,
  GraphQLLeafType,
  GraphQLObjectType,
  GraphQLSchema,
  OperationDefinitionNode,
  SelectionSetNode,
} from 'graphql'
import type { RowText } from '../../schema/token-text.ts'

/** Of one field: one, or several that are merged. */
type Nodes = readonly [FieldNode, ...FieldNode[]]

export type Variables = Readonly<Record<string, unknown>>
export type Arguments = Readonly<Record<string, unknown>>

export interface Plan {
  readonly schema: GraphQLSchema
  readonly operation: OperationDefinitionNode
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>
  readonly root: SelectionPlan
  /** Whether it selects rows whose texts may be kept. */
  readonly readsRows: boolean
  /** The number of its fields: each has a place of its own in what a run keeps. */
  readonly fieldCount: number
}

/** What is selected on one object type. */
export interface SelectionPlan {
  readonly type: GraphQLObjectType
  readonly fields: readonly (FieldPlan | TypenamePlan)[]
  /** How the text of such an object is kept; null: it is written each time. */
  readonly kept: KeptText | null
}

export interface KeptText {
  readonly rows: RowText
  /** The secrets that are selected. */
  readonly secrets: number
}

/** `__typename`, which no resolver gives: its key and its value as JSON, after what stands before it. */
export interface TypenamePlan {
  readonly kind: 'typename'
  readonly text: string
}

export interface FieldPlan {
  readonly kind: 'field'
  /** From 0 to `fieldCount` - 1. */
  readonly index: number
  /** The key in the answer, and the same as JSON with its colon, after the brace or the comma that stands before it. */
  readonly key: string
  readonly label: string
  readonly parent: GraphQLObjectType
  readonly field: GraphQLField<unknown, unknown>
  readonly resolve: GraphQLFieldResolver<unknown, unknown>
  readonly nodes: Nodes
  /** Null: they depend on the variables. */
  readonly args: Arguments | null
  /** Throws a `GraphQLError` where a required one is missing. */
  readArguments(variables: Variables): Arguments
  readonly value: ValuePlan
}

export type ValuePlan =
  | { readonly kind: 'leaf'; readonly type: GraphQLLeafType; readonly isNonNull: boolean }
  | { readonly kind: 'list'; readonly item: ValuePlan; readonly isNonNull: boolean }
  | { readonly kind: 'object'; readonly selection: SelectionPlan; readonly isNonNull: boolean }
  | {
      readonly kind: 'abstract'
      readonly type: GraphQLAbstractType
      readonly selections: ReadonlyMap<string, SelectionPlan>
      readonly isNonNull: boolean
    }

/** The variables that decide which fields are selected, by `@skip` and `@include`. */
export function conditionsOf(document: DocumentNode): readonly string[] {
  const names = new Set<string>()
  visit(document, {
    Directive({ name, arguments: args = [] }) {
      if (name.value !== 'skip' && name.value !== 'include') return
      for (const { value } of args) if (value.kind === Kind.VARIABLE) names.add(value.name.value)
    },
  })
  return [...names]
}

/**
 * Compiles the operation for these values of the variables of `conditionsOf`; other variables may differ from run to
 * run. The document must be valid. Returns null for what is left to the general executor: other operations than
 * queries, and introspection.
 */
export function createPlan(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  conditions: Variables,
  rowsOf: (type: GraphQLObjectType) => RowText | null,
): Plan | null {
  const type = schema.getQueryType()
  if (operation.operation !== OperationTypeNode.QUERY || type == null || isIntrospection(document)) return null
  const fragments = fragmentsOf(document)
  let fieldCount = 0
  let readsRows = false

  /** GraphQL specification, section 6.3.2: the fields of these selection sets by their keys, in their order. */
  function collect(on: GraphQLObjectType, sets: readonly SelectionSetNode[]): ReadonlyMap<string, Nodes> {
    const fields = new Map<string, [FieldNode, ...FieldNode[]]>()
    const spread = new Set<string>()
    const applies = (condition: string | undefined): boolean => {
      if (condition === undefined || condition === on.name) return true
      const named = schema.getType(condition)
      return isAbstractType(named) && schema.isSubType(named, on)
    }
    function add({ selections }: SelectionSetNode): void {
      for (const node of selections) {
        if (getDirectiveValues(GraphQLSkipDirective, node, conditions)?.if === true) continue
        if (getDirectiveValues(GraphQLIncludeDirective, node, conditions)?.if === false) continue
        if (node.kind === Kind.FIELD) {
          const key = node.alias?.value ?? node.name.value
          const known = fields.get(key)
          if (known === undefined) fields.set(key, [node])
          else known.push(node)
        } else if (node.kind === Kind.INLINE_FRAGMENT) {
          if (applies(node.typeCondition?.name.value)) add(node.selectionSet)
        } else {
          const fragment = fragments[node.name.value]
          if (fragment === undefined || spread.has(node.name.value)) continue
          spread.add(node.name.value)
          if (applies(fragment.typeCondition.name.value)) add(fragment.selectionSet)
        }
      }
    }
    sets.forEach(add)
    return fields
  }

  function planSelection(on: GraphQLObjectType, sets: readonly SelectionSetNode[]): SelectionPlan {
    const definitions = on.getFields()
    const fields = [...collect(on, sets)].map(([key, nodes], position) => {
      const label = `${position === 0 ? '{' : ','}${JSON.stringify(key)}:`
      const field = definitions[nodes[0].name.value]
      return field === undefined
        ? ({ kind: 'typename', text: `${label}${JSON.stringify(on.name)}` } as const)
        : planField(on, { key, label, field, nodes })
    })
    return { type: on, fields, kept: keptText(on, fields) }
  }

  function planField(
    parent: GraphQLObjectType,
    { key, label, field, nodes }: Pick<FieldPlan, 'key' | 'label' | 'field'> & { readonly nodes: Nodes },
  ): FieldPlan {
    return {
      kind: 'field',
      index: fieldCount++,
      key,
      label,
      parent,
      field,
      resolve: field.resolve ?? defaultFieldResolver,
      nodes,
      args: usesVariables(nodes[0]) ? null : Object.freeze(getArgumentValues(field, nodes[0])),
      readArguments: argumentReader(field, nodes[0]),
      value: planValue(field.type, nodes),
    }
  }

  function keptText(on: GraphQLObjectType, fields: SelectionPlan['fields']): KeptText | null {
    const rows = rowsOf(on)
    if (rows === null) return null
    readsRows = true
    const names: string[] = []
    for (const field of fields) {
      if (field.kind === 'typename') continue
      if (field.args === null || !isFlatValue(field.value)) return null
      names.push(field.field.name)
    }
    return { rows, secrets: rows.secretsOf(names) }
  }

  function planValue(of: GraphQLField<unknown, unknown>['type'], nodes: readonly FieldNode[]): ValuePlan {
    const isNonNull = isNonNullType(of)
    const inner = isNonNull ? of.ofType : of
    if (isListType(inner)) return { kind: 'list', item: planValue(inner.ofType, nodes), isNonNull }
    if (isLeafType(inner)) return { kind: 'leaf', type: inner, isNonNull }
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
    if (isObjectType(inner)) return { kind: 'object', selection: planSelection(inner, sets), isNonNull }
    const abstract = getNamedType(inner) as GraphQLAbstractType
    const selections = new Map(schema.getPossibleTypes(abstract).map((each) => [each.name, planSelection(each, sets)]))
    return { kind: 'abstract', type: abstract, selections, isNonNull }
  }

  const root = planSelection(type, [operation.selectionSet])
  return { schema, operation, fragments, root, readsRows, fieldCount }
}

/**
 * Reads the arguments where each is a constant or a variable of its own that was given, which needs no look at their
 * types: validation compared them. Everything else is read as the general executor does.
 */
function argumentReader(field: GraphQLField<unknown, unknown>, node: FieldNode): (variables: Variables) => Arguments {
  const whole = (variables: Variables): Arguments => getArgumentValues(field, node, variables)
  const given = node.arguments ?? []
  const constants = given.filter((argument) => argument.value.kind !== Kind.VARIABLE)
  if (constants.some(usesVariables)) return whole
  const direct = given.flatMap(({ name, value }) =>
    value.kind === Kind.VARIABLE ? [[name.value, value.name.value] as const] : [],
  )
  const names = new Set(direct.map(([name]) => name))
  const others = { ...field, args: field.args.filter(({ name }) => !names.has(name)) }
  const fixed = getArgumentValues(others, { ...node, arguments: constants })
  return (variables) => {
    const args: Record<string, unknown> = { ...fixed }
    for (const [name, variable] of direct) {
      const value = variables[variable]
      if (value === undefined || value === null) return whole(variables)
      args[name] = value
    }
    return args
  }
}

function isFlatValue(value: ValuePlan): boolean {
  return value.kind === 'leaf' || (value.kind === 'list' && isFlatValue(value.item))
}

function fragmentsOf({ definitions }: DocumentNode): Readonly<Record<string, FragmentDefinitionNode>> {
  const fragments = Object.create(null) as Record<string, FragmentDefinitionNode>
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition
  return fragments
}

function usesVariables(node: FieldNode | ArgumentNode): boolean {
  let found = false
  for (const argument of node.kind === Kind.FIELD ? (node.arguments ?? []) : [node])
    visit(argument, {
      Variable() {
        found = true
      },
    })
  return found
}

function isIntrospection(document: DocumentNode): boolean {
  let found = false
  visit(document, {
    Field({ name }) {
      if (name.value === '__schema' || name.value === '__type') found = true
    },
  })
  return found
}
