/**
 * YAML text → a `Source` whose problems know their line and column. The text is parsed once; what YAML allows but a
 * configuration does not (a duplicate key, a variable in a key) is found on the nodes, where positions are.
 */
import { isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import type { Document, Node, Pair, YAMLError, YAMLMap } from 'yaml'
import type { Path } from '../lib/issues.ts'
import { ConfigError, isMapping, pathText } from './problems.ts'
import type { Problem, Source } from './problems.ts'
import { expandVariables, findReserved, hasVariable, hideBraces } from './variables.ts'

/** How often aliases may repeat the node of their anchor: bounds files that grow exponentially ("billion laughs"). */
const MAX_ALIAS_COUNT = 100

export interface DocumentSource extends Source {
  /** Problems of the document itself; the rest of it can still be checked. */
  readonly problems: readonly Problem[]
}

/** `file` is the name that problems show. Throws `ConfigError` where the text is not one YAML mapping. */
export function parseConfigText(text: string, file: string, env: NodeJS.ProcessEnv): DocumentSource {
  const lines = new LineCounter()
  const problemAtOffset = (offset: number, path: Path, message: string): Problem => {
    const { line, col } = lines.linePos(offset)
    return { where: file, path: pathText(path), line: Math.max(line, 1), column: Math.max(col, 1), message }
  }

  const document = parseDocument(hideBraces(text), {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false, // found by inspectDocument, which knows the path
    resolveKnownTags: false,
    logLevel: 'error', // the parser's own warnings quote the file
  })
  const reserved = findReserved(text)
  if (reserved !== -1)
    throw new ConfigError([problemAtOffset(reserved, [], 'the characters U+E000 and U+E001 are reserved')])
  const syntax = [...document.errors, ...document.warnings]
  if (syntax.length > 0)
    throw new ConfigError(syntax.map((error) => problemAtOffset(error.pos[0], [], syntaxMessage(error))))

  const problems: Problem[] = []
  const offsetOf = (node: Node | null): number => node?.range?.[0] ?? 0
  const inspection = inspectDocument(document, env, (node, path, message) => {
    problems.push(problemAtOffset(offsetOf(node), path, message))
  })
  const value = toPlain(document)
  if (!isMapping(value)) {
    const message = value === null ? 'the file is empty; expected a mapping' : 'expected a mapping of keys to values'
    throw new ConfigError([...problems, problemAtOffset(offsetOf(document.contents), [], message)])
  }

  const nodeAt = (path: Path): Node | null => {
    const found = findNode(document, path)
    return found.exists ? resolveAlias(document, found.value) : null
  }
  return {
    value,
    problems,
    place(path, of) {
      const found = findNode(document, path)
      const node = of === 'value' && found.exists ? (found.value ?? found.key) : found.key
      return problemAtOffset(offsetOf(node ?? document.contents), path, '')
    },
    isReported: (path) => has(inspection.reported, nodeAt(path)),
    variableValues: inspection.values,
    isVariable: (path) => has(inspection.variables, nodeAt(path)),
  }

  function toPlain(parsed: Document): unknown {
    try {
      return parsed.toJS({ maxAliasCount: MAX_ALIAS_COUNT }) as unknown
    } catch {
      // An alias without an anchor is in `problems`; the other reason to throw is the limit.
      if (problems.length > 0) throw new ConfigError(problems)
      throw new ConfigError([problemAtOffset(offsetOf(document.contents), [], 'aliases repeat too much of the file')])
    }
  }
}

function has(nodes: ReadonlySet<Node>, node: Node | null): boolean {
  return isNode(node) && nodes.has(node)
}

interface Found {
  /** The key that leads to the value, or the list item; null for the whole document. */
  readonly key: Node | null
  readonly value: Node | null
  /** False where there is nothing at the path: `key` is then the nearest parent's. */
  readonly exists: boolean
}

/** Follows aliases on the way, not at the end: a problem with `*name` is reported where the alias is. */
function findNode(document: Document, path: Path): Found {
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

function resolveAlias(document: Document, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node
}

/** The key as a string: `stringKeys` makes the parser read every key as one. */
function keyName(pair: Pair): string | null {
  return isScalar(pair.key) ? String(pair.key.value) : null
}

/** The path of a node, from the ancestors that `visit` hands to its visitors. */
function pathOf(ancestors: readonly unknown[], node: unknown): Path {
  return [...ancestors, node].flatMap((current, index): Path => {
    const parent = ancestors[index - 1]
    if (isPair(current)) return [keyName(current) ?? '']
    return isSeq(parent) ? [parent.items.indexOf(current)] : []
  })
}

interface Inspection {
  /** Nodes whose value is reported already: a variable that is not set. */
  readonly reported: ReadonlySet<Node>
  /** Nodes that are one variable and nothing else. */
  readonly variables: ReadonlySet<Node>
  /** What the variables held. */
  readonly values: readonly string[]
}

/** Replaces `${NAME}` in the values of the document itself, never in keys, and reports what a configuration refuses. */
function inspectDocument(
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

/** The parser's error codes in words: its own messages quote the file, and the file may hold secrets. */
const syntaxMessages: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  ALIAS_PROPS: 'an alias cannot have an anchor or a tag',
  BAD_ALIAS: 'expected a name after & or *',
  BAD_COLLECTION_TYPE: 'the tag does not fit the value',
  BAD_DIRECTIVE: 'a line that starts with % is a YAML directive; this one is not known',
  BAD_DQ_ESCAPE: 'an escape in "double quotes" is not known; use single quotes for text with backslashes',
  BAD_INDENT: 'the indentation does not fit, or a closing } or ] is missing',
  BAD_SCALAR_START: 'a value cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key: value" on one line; put the value in quotes or on lines of its own',
  BLOCK_IN_FLOW: 'indented blocks cannot stand inside { } or [ ]',
  KEY_OVER_1024_CHARS: 'the key is too long; a closing quote or a colon may be missing',
  MISSING_CHAR: 'a character is missing: a space after a colon, a comma, a closing quote or a bracket',
  MULTILINE_IMPLICIT_KEY: 'the key goes over several lines; a colon may be missing',
  MULTIPLE_ANCHORS: 'a value can have one anchor only',
  MULTIPLE_DOCS: 'the file holds more than one document; remove the --- line',
  MULTIPLE_TAGS: 'a value can have one tag only',
  NON_STRING_KEY: 'expected a plain word as the key',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply',
  TAB_AS_INDENT: 'tabs cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'tags such as !name are not supported',
}

/** What the parser found, without a word of the file. */
function syntaxMessage(error: YAMLError): string {
  return syntaxMessages[error.code] ?? 'not valid YAML'
}
