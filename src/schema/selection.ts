/** What an operation selects below a field. */
import { getDirectiveValues, GraphQLIncludeDirective, GraphQLSkipDirective, Kind } from 'graphql'
import type { GraphQLResolveInfo, SelectionNode } from 'graphql'

/**
 * Whether a field of this name is selected on the objects that the present field returns; skipped ones are not. For
 * object types alone: every fragment on one applies (GraphQL specification, section 5.5.2.3).
 */
export function selects({ fieldNodes, fragments, variableValues }: GraphQLResolveInfo, name: string): boolean {
  const isIncluded = (node: SelectionNode): boolean =>
    getDirectiveValues(GraphQLSkipDirective, node, variableValues)?.if !== true &&
    getDirectiveValues(GraphQLIncludeDirective, node, variableValues)?.if !== false

  function isSelected(node: SelectionNode): boolean {
    if (!isIncluded(node)) return false
    if (node.kind === Kind.FIELD) return node.name.value === name
    const selectionSet =
      node.kind === Kind.INLINE_FRAGMENT ? node.selectionSet : fragments[node.name.value]?.selectionSet
    return selectionSet?.selections.some(isSelected) ?? false
  }

  return fieldNodes.some(({ selectionSet }) => selectionSet?.selections.some(isSelected) ?? false)
}
