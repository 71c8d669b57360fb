/** One walk over a parsed document: reads the variables, and finds what YAML allows but a configuration does not. */
import { visit } from 'yaml'
import type { Document, Node, YAMLMap } from 'yaml'
import { keyName, pathOf, resolveAlias } from './nodes.ts'
import type { Path } from './problems.ts'
import { expandVariables, hasVariable } from './variables.ts'

export interface Inspection {
  /** Nodes whose value is reported already: a variable that is not set. */
  readonly reported: ReadonlySet<Node>
  /** Nodes that are one variable and nothing else. */
  readonly variables: ReadonlySet<Node>
  /** What the variables held. */
  readonly values: readonly string[]
}

/** Replaces `${NAME}` in the values of the document itself; keys are left alone. */
export function inspectDocument(
  document: Document,
  env: NodeJS.ProcessEnv,
  report: (node: Node, path: Path, message: string) => void,
): Inspection {
  const reported = new Set<Node>()
  const variables = new Set<Node>()
  const values: string[] = []
  visit(document, {
    Map(_key, node, ancestors) {
      checkKeys(node, pathOf(ancestors, node), report)
    },
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string' || !hasVariable(node.value)) return
      const expanded = expandVariables(node.value, env)
      const { exact, problems } = expanded
      node.value = expanded.value
      values.push(...expanded.values)
      if (exact) variables.add(node)
      if (problems.length > 0) reported.add(node)
      for (const message of problems) report(node, pathOf(ancestors, node), message)
    },
    Alias(_key, node, ancestors) {
      const target = resolveAlias(document, node)
      if (target !== null && !ancestors.includes(target)) return
      report(
        node,
        pathOf(ancestors, node),
        target === null ? 'no anchor has this name' : 'an alias inside its own anchor',
      )
    },
  })
  return { reported, variables, values }
}

function checkKeys(map: YAMLMap, path: Path, report: (node: Node, path: Path, message: string) => void): void {
  const seen = new Set<string>()
  for (const pair of map.items) {
    const name = keyName(pair)
    if (name === null) continue
    const fail = (message: string): void => {
      report(pair.key as Node, [...path, name], message)
    }
    if (seen.has(name)) fail('duplicate key: it is set above already')
    if (hasVariable(name)) fail('variables are read in values, not in keys')
    if (name === '__proto__') fail('not a usable key')
    seen.add(name)
  }
}
