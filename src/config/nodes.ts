/** From a path to the node of the YAML document that it means, and back. */
import { isAlias, isMap, isPair, isScalar, isSeq } from 'yaml'
import type { Document, Node, Pair } from 'yaml'
import type { Path } from './problems.ts'

export interface Found {
  /** The key that leads to the value, or the list item; null for the whole document. */
  readonly key: Node | null
  readonly value: Node | null
  /** False where the path ends early: then `key` is the nearest parent's. */
  readonly exists: boolean
}

/** Follows aliases on the way, not at the end: a problem with `*name` is reported where it is used. */
export function findNode(document: Document, path: Path): Found {
  let key: Node | null = null
  let value = document.contents
  for (const segment of path) {
    const parent = resolveAlias(document, value)
    if (isMap(parent)) {
      const pair = parent.items.find((item) => keyName(item) === segment)
      if (pair === undefined) return { key: key ?? value, value, exists: false }
      key = pair.key as Node
      value = pair.value as Node | null
    } else if (isSeq<Node>(parent) && typeof segment === 'number' && parent.items[segment] !== undefined) {
      key = value = parent.items[segment]
    } else return { key: key ?? value, value, exists: false }
  }
  return { key, value, exists: true }
}

export function resolveAlias(document: Document, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node
}

/** The key as a string: `stringKeys` makes the parser read every key as one. */
export function keyName(pair: Pair): string | null {
  return isScalar(pair.key) ? String(pair.key.value) : null
}

/** The path of a node, from the ancestors that `visit` hands to its visitors. */
export function pathOf(ancestors: readonly unknown[], node: unknown): Path {
  return [...ancestors, node].flatMap((current, index): Path => {
    const parent = ancestors[index - 1]
    if (isPair(current)) return [keyName(current) ?? '']
    return isSeq(parent) ? [parent.items.indexOf(current)] : []
  })
}
