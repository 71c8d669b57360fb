/**
 * Prints `api-report.md`: every declaration that the package exports, and every one that those lead to, as the build writes
 * them. A change of it is a change for whoever imports the package. With `--check` it fails where the report has drifted.
 */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { writeTypes } from './types.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const reportFile = `${root}api-report.md`

/** By the name that an application imports. */
const entries: Readonly<Record<string, string>> = {
  tokengraph: `${root}src/index.ts`,
  'tokengraph/kit': `${root}src/upstreams/kit.ts`,
}

/** The declaration files of the build by the paths that they have there. */
async function emitDeclarations(): Promise<ReadonlyMap<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-types-'))
  try {
    await writeTypes(folder, false)
    return new Map(
      globSync('**/*.d.ts', { cwd: folder }).map((file) => [
        `${root}dist/${file}`,
        readFileSync(join(folder, file), 'utf8'),
      ]),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The program that an application sees: the declaration files alone. */
function programOf(files: ReadonlyMap<string, string>): ts.Program {
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    skipLibCheck: true,
    types: ['node'],
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, directoryExists } = host
  host.fileExists = (path) => files.has(path) || fileExists(path)
  host.readFile = (path) => files.get(path) ?? readFile(path)
  host.directoryExists = (path) => path.startsWith(`${root}dist`) || (directoryExists?.(path) ?? true)
  return ts.createProgram(Object.values(entries).map(declarationFile), options, host)
}

const declarationFile = (source: string): string =>
  source.replace(`${root}src/`, `${root}dist/`).replace(/\.ts$/, '.d.ts')

async function report(): Promise<string> {
  const files = await emitDeclarations()
  const program = programOf(files)
  const checker = program.getTypeChecker()
  const printer = ts.createPrinter({ removeComments: true })

  const resolve = (symbol: ts.Symbol): ts.Symbol =>
    (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)
  /** Those of this package; a variable is printed with its statement, and the members of a type with the type. */
  const declarationsOf = (symbol: ts.Symbol): readonly ts.Node[] =>
    (symbol.declarations ?? [])
      .filter((node) => files.has(node.getSourceFile().fileName))
      .map((node) => (ts.isVariableDeclaration(node) ? node.parent.parent : node))
      .filter((node) => ts.isStatement(node))
  const print = (node: ts.Node): string =>
    printer
      .printNode(ts.EmitHint.Unspecified, node, node.getSourceFile())
      .replace(/^export (?:declare )?|^declare /, '')

  const exported = new Map<string, readonly (readonly [string, ts.Symbol])[]>()
  for (const [name, source] of Object.entries(entries)) {
    const file = program.getSourceFile(declarationFile(source))
    const module = file && checker.getSymbolAtLocation(file)
    if (module === undefined) throw new Error(`api report: ${name} is no module`)
    const symbols = checker.getExportsOfModule(module).map((symbol) => [symbol.name, resolve(symbol)] as const)
    exported.set(
      name,
      symbols.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    )
  }

  const seen = new Set([...exported.values()].flatMap((symbols) => symbols.map(([, symbol]) => symbol)))
  const reached: ts.Symbol[] = []
  for (const symbol of seen)
    for (const declaration of declarationsOf(symbol)) {
      const visit = (node: ts.Node): void => {
        if (ts.isIdentifier(node)) {
          const found = checker.getSymbolAtLocation(node)
          const target = found && resolve(found)
          if (target !== undefined && !seen.has(target) && declarationsOf(target).length > 0) {
            // A set that grows is iterated to its end.
            seen.add(target)
            reached.push(target)
          }
        }
        ts.forEachChild(node, visit)
      }
      visit(declaration)
    }

  const block = (texts: readonly string[]): string => `\`\`\`text\n${texts.join('\n\n')}\n\`\`\`\n`
  const sections = [...exported].map(([name, symbols]) => {
    const texts = symbols.map(([as, symbol]) => {
      const text = declarationsOf(symbol).map(print).join('\n')
      return text === '' ? `${as} // of another package` : text
    })
    return `## ${name}\n\n${block(texts)}`
  })
  const rest = reached.map((symbol) => declarationsOf(symbol).map(print).join('\n')).toSorted()
  return `# API report

What the package exports, for semantic versioning (docs/embedding.md). \`npm run api:report\` prints it.

${sections.join('\n')}
## What these lead to, and is not exported

${block(rest)}`
}

const text = await report()
if (!process.argv.includes('--check')) writeFileSync(reportFile, text)
else if (readFileSync(reportFile, 'utf8') !== text) {
  process.stderr.write('api-report.md has drifted: npm run api:report, and a changeset for what it means to users\n')
  process.exitCode = 1
}
