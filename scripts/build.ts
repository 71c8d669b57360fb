/**
 * The package out of the sources: `npm run build`. Each of our modules becomes a file in `dist/`, with its types; what they
 * import of other packages becomes `dist/vendor/`.
 *
 *   node scripts/build.ts [--out FOLDER] [--no-check]
 *
 * `--no-check` writes it without looking for errors of types, which `npm run check` does.
 */
import { rmSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { root, vendor, vendorFile } from './vendor.ts'

const { values: flags } = parseArgs({
  options: { out: { type: 'string', default: join(root, 'dist') }, check: { type: 'boolean', default: true } },
  allowNegative: true,
})
const target = resolve(flags.out)

function compile(): void {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.build.json'), (path) => ts.sys.readFile(path)) as {
    config: object
  }
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram(fileNames, { ...options, outDir: target, noCheck: !flags.check })
  const { diagnostics } = program.emit(undefined, undefined, undefined, false, { after: [toVendor] })
  const problems = [...(flags.check ? ts.getPreEmitDiagnostics(program) : []), ...diagnostics]
  if (problems.length > 0) throw new Error(ts.formatDiagnostics(problems, formatHost))
}

const formatHost: ts.FormatDiagnosticsHost = {
  getCurrentDirectory: () => root,
  getCanonicalFileName: (name) => name,
  getNewLine: () => '\n',
}

/** Leads the imports of a file to what is vendored. */
const toVendor: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
  const { factory } = context
  const folder = dirname(relative(join(root, 'src'), file.fileName))
  const moved = (specifier: ts.Node | undefined): ts.StringLiteral | null => {
    const to = specifier !== undefined && ts.isStringLiteral(specifier) ? vendorFile(specifier.text) : null
    return to === null ? null : factory.createStringLiteral(relative(folder, to).replace(/^(?!\.)/, './'))
  }
  const visit = (node: ts.Node): ts.Node => {
    if (ts.isImportDeclaration(node)) {
      const to = moved(node.moduleSpecifier)
      return to === null
        ? node
        : factory.updateImportDeclaration(node, node.modifiers, node.importClause, to, undefined)
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const to = moved(node.arguments[0])
      if (to !== null) return factory.updateCallExpression(node, node.expression, undefined, [to])
    }
    return ts.visitEachChild(node, visit, context)
  }
  return ts.visitEachChild(file, visit, context)
}

rmSync(target, { recursive: true, force: true })
compile()
await vendor(target)
