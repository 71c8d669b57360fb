/**
 * What the sources import of other packages goes into `dist/vendor/`, but for `dependencies` and `peerDependencies`, which
 * are installed beside this package (docs/adr/0015-vendored-packages.md).
 */
import { globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import ts from 'typescript'

export const root = fileURLToPath(new URL('..', import.meta.url))

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

const { dependencies, peerDependencies } = manifestIn(root)
const beside = new Set(Object.keys({ ...dependencies, ...peerDependencies }))

/** Of `@a/b/c` it is `@a/b`. */
const packageOf = (specifier: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? ''

/** The file of an imported module, below `dist/`; null where it is imported as it stands. */
export function vendorFile(specifier: string): string | null {
  if (/^[./]/.test(specifier) || isBuiltin(specifier) || beside.has(packageOf(specifier))) return null
  return `vendor/${specifier.replace('@', '').replaceAll('/', '-')}.js`
}

/** By vendored module, the names that the sources import; `*` where they take all of it. */
function findImports(): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  const add = (specifier: ts.Node | undefined, names: readonly string[]): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier) || vendorFile(specifier.text) === null) return
    found.set(specifier.text, new Set([...(found.get(specifier.text) ?? []), ...names]))
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword)
      add(node.moduleSpecifier, namesOf(node.importClause))
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], ['*'])
    if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && !node.isTypeOnly)
      refuse(node.moduleSpecifier)
    ts.forEachChild(node, visit)
  }
  for (const file of globSync('src/**/*.ts', { cwd: root }).toSorted())
    visit(ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ES2024))
  return found
}

/** No re-export is led to `dist/vendor/`. */
function refuse(specifier: ts.Expression): void {
  if (ts.isStringLiteral(specifier) && vendorFile(specifier.text) !== null)
    throw new Error(`export { … } from '${specifier.text}': import it first, then export it`)
}

function namesOf(clause: ts.ImportClause | undefined): readonly string[] {
  const names = clause?.name === undefined ? [] : ['default']
  const bindings = clause?.namedBindings
  if (bindings === undefined) return names
  if (ts.isNamespaceImport(bindings)) return ['*']
  return [...names, ...bindings.elements.map(({ name, propertyName = name }) => propertyName.text)]
}

/** By `name@version`, the folder of each package of which something is vendored. */
export type Vendored = ReadonlyMap<string, string>

const ENTRY = 'vendored:'

/** Writes `vendor/` below `to`; null: only says what would be in it. */
export async function vendor(to: string | null): Promise<Vendored> {
  const imports = findImports()
  const exported = new Map<string, readonly string[]>()
  for (const [specifier, names] of imports)
    exported.set(specifier, names.has('*') ? await namesIn(specifier) : [...names])
  const entries = [...imports.keys()].map((specifier) => [
    (vendorFile(specifier) ?? '').slice(0, -3),
    ENTRY + specifier,
  ])
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(entries) as Record<string, string>,
    platform: 'node',
    external: (id) => !/^[./]/.test(id) && !id.startsWith(ENTRY) && vendorFile(id) === null,
    plugins: [
      {
        name: 'entries',
        resolveId(id, importer) {
          if (id.startsWith(ENTRY)) return id
          if (importer?.startsWith(ENTRY) !== true) return null
          return this.resolve(id, join(root, 'src/cli.ts'), { skipSelf: true })
        },
        load(id) {
          const names = exported.get(id.slice(ENTRY.length))
          return names === undefined ? null : `export { ${names.join(', ')} } from '${id.slice(ENTRY.length)}'`
        },
      },
    ],
  })
  const options = { format: 'esm', chunkFileNames: 'vendor/shared/[name].js' } as const
  const { output } = await (to === null ? bundle.generate(options) : bundle.write({ ...options, dir: to }))
  await bundle.close()
  const packages = new Map<string, string>()
  for (const chunk of output) {
    if (chunk.type !== 'chunk') continue
    const missing = [...chunk.imports, ...chunk.dynamicImports].filter(
      (id) => !id.startsWith('vendor/') && vendorFile(id) !== null,
    )
    if (missing.length > 0) throw new Error(`${chunk.fileName} imports ${missing.join(', ')}, which is not vendored`)
    for (const module of Object.keys(chunk.modules)) {
      const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0]
      if (folder === undefined) continue
      const { name = '', version = '' } = manifestIn(folder)
      packages.set(`${name}@${version}`, folder)
    }
  }
  const sorted = new Map([...packages].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  if (to !== null) writeFileSync(join(to, 'vendor/LICENSES.txt'), notices(sorted))
  return sorted
}

/** What a module exports: of CommonJS, only its execution tells. */
async function namesIn(specifier: string): Promise<readonly string[]> {
  const names = Object.keys((await import(specifier)) as object)
  return names.filter((name) => name !== 'module.exports' && name !== '__esModule')
}

/** What a package has inside that no manifest of ours names. */
const embedded: Readonly<Record<string, string>> = {
  '@graphql-yoga/render-graphiql': `Its page has inside, each under the MIT licence:
- GraphiQL and graphql-language-service, Copyright (c) GraphQL Contributors
- Monaco Editor, Copyright (c) Microsoft Corporation
- React, Copyright (c) Meta Platforms, Inc. and affiliates

`,
}

/** Permissive licences ask for their text to go along. */
function notices(packages: Vendored): string {
  const texts = [...packages].map(([id, folder]) => {
    const file = readdirSync(folder).find((name) => /^licence|^license/i.test(name))
    const { license = 'no licence' } = manifestIn(folder)
    const text = file === undefined ? `${license}, says its package.json.` : readFileSync(join(folder, file), 'utf8')
    const inside = embedded[id.slice(0, id.lastIndexOf('@'))] ?? ''
    return `${id}\n\n${inside}${text.trim()}\n`
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}
