/** Compiles the TypeScript in the pages against the installed packages, and as far as possible without the others. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { blocksOf, root } from './pages.ts'

/** Packages that a reader installs and this project does not; types inferred from them are unknown. */
const absent: Readonly<Record<string, string>> = {
  '@apollo/server': 'the HTTP server of the recipe; the tests put a smaller one in front of the gateway',
  '@graphql-hive/gateway': 'the command line of a gateway whose runtime is installed and tested',
  '@graphql-mesh/compose-cli': 'composes from the command line',
}

const CANNOT_FIND_MODULE = 2307
const IMPLICIT_ANY = [7006, 7031]

const options: ts.CompilerOptions = {
  ...ts.parseJsonConfigFileContent(ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config, ts.sys, root)
    .options,
  // Recipes have to compile under other settings, too.
  noUncheckedIndexedAccess: false,
  exactOptionalPropertyTypes: false,
  // What a reader imports of this package, which is not built here.
  paths: { tokengraph: [join(root, 'src/index.ts')], 'tokengraph/kit': [join(root, 'src/upstreams/kit.ts')] },
}

/** Source files by name: what the blocks import is parsed once. */
const parsed = new Map<string, ts.SourceFile | undefined>()

/** Compiles the text as a file in the folder, beside the other files that the page shows. */
function problemsOf(text: string, folder = 'docs'): string[] {
  const file = join(root, folder, 'block-of-a-page.ts')
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists, readFile } = host
  host.fileExists = (name) => name === file || fileExists(name)
  host.readFile = (name) => (name === file ? text : readFile(name))
  host.getSourceFile = (name, ...rest) => {
    if (name === file) return ts.createSourceFile(file, text, rest[0])
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, ...rest))
    return parsed.get(name)
  }
  const program = ts.createProgram([file], options, host)
  const found = ts.getPreEmitDiagnostics(program, program.getSourceFile(file))
  const tolerated = usesAbsent(text) ? [CANNOT_FIND_MODULE, ...IMPLICIT_ANY] : []
  return found
    .filter(({ code }) => !tolerated.includes(code))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

const usesAbsent = (text: string): boolean => Object.keys(absent).some((name) => text.includes(`'${name}'`))

/** A page that is compiled with the repository, and blocks that test/tools compiles in a project of their own. */
const blocks = blocksOf('ts').filter(
  ({ page, block }) =>
    page.file !== 'docs/adding-a-platform.md' && !/'(@graphql-codegen\/cli|gql\.tada)'/.test(block.text),
)

describe('every block compiles', () => {
  it.each(blocks.map(({ where, page, block }) => [where, block.text, page.file] as const))('%s', (_, text, page) => {
    const folder = page.replace(/\.md$/, '')
    expect(problemsOf(text, existsSync(join(root, folder)) ? folder : undefined)).toEqual([])
  })
})

it('finds a mistake', () => {
  expect(problemsOf("import { ApolloGateway } from '@apollo/gateway'\nnew ApolloGateway({ nowhere: 1 })")).not.toEqual(
    [],
  )
})

it('every package that is not installed is in a recipe', () => {
  const unused = Object.keys(absent).filter((name) => !blocks.some(({ block }) => block.text.includes(`'${name}'`)))
  expect(unused).toEqual([])
})
