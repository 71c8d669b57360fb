/** YAML text → a `Source` whose problems know their line and column. */
import { LineCounter, isNode, parseDocument } from 'yaml'
import type { Document, Node } from 'yaml'
import { inspectDocument } from './inspect-document.ts'
import { findNode, resolveAlias } from './nodes.ts'
import { ConfigError, pathText } from './problems.ts'
import type { Path, Problem } from './problems.ts'
import { isMapping } from './source.ts'
import type { Source } from './source.ts'
import { findReserved, hideBraces } from './variables.ts'
import { syntaxMessage } from './yaml-errors.ts'

/** How often aliases may repeat what they stand for, against files that grow without end ("billion laughs"). */
const MAX_ALIAS_COUNT = 100

export interface DocumentSource extends Source {
  /** What is wrong with the document itself; the rest of it can still be checked. */
  readonly problems: readonly Problem[]
}

/** Throws `ConfigError` where the text is not one YAML mapping: everything after that would be guesswork. */
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
    logLevel: 'error', // the parser's own warnings would quote the file on the terminal
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
