/** Finds the comments of a source file, each as one line of text. */
import ts from 'typescript'

export interface Comment {
  /** The number of its first line. */
  readonly line: number
  readonly text: string
}

/**
 * Literals are blanked out first, so that `//` in a string is not a comment. Adjacent line comments are joined, because
 * a reference may be wrapped.
 */
export function commentsIn(file: string, text: string): readonly Comment[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, false)
  const parts: string[] = []
  let end = 0
  const blank = (node: ts.Node): void => {
    if (
      ts.isLiteralExpression(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node) ||
      ts.isJsxText(node)
    ) {
      const start = node.getStart(source)
      parts.push(text.slice(end, start), text.slice(start, node.end).replaceAll(/[^\n]/g, ' '))
      end = node.end
    }
    ts.forEachChild(node, blank)
  }
  blank(source)
  const code = parts.join('') + text.slice(end)
  return [...code.matchAll(/\/\*[^]*?\*\/|\/\/[^\n]*(?:\n\s*\/\/[^\n]*)*/g)].map((match) => ({
    line: code.slice(0, match.index).split('\n').length,
    text: match[0].replaceAll(/\n\s*(?:\*(?!\/)|\/\/)?/g, ' ').replaceAll(/ +/g, ' '),
  }))
}
