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
  // One that imports nothing shares no names with the others.
  moduleDetection: ts.ModuleDetectionKind.Force,
  // What a reader imports of this package, which is not built here.
  paths: { tokengraph: [join(root, 'src/index.ts')], 'tokengraph/kit': [join(root, 'src/upstreams/kit.ts')] },
}

interface Code {
  readonly text: string
  /** The folder with the other files that the page shows. */
  readonly folder?: string
}

/** Compiles each as a file in its folder, all in one program; returns the problems of each. */
function problemsOf(codes: readonly Code[]): readonly (readonly string[])[] {
  const files = codes.map(({ folder = 'docs' }, index) => join(root, folder, `block-${String(index)}-of-a-page.ts`))
  const texts = new Map(files.map((file, index) => [file, codes[index]!.text]))
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  host.fileExists = (name) => texts.has(name) || fileExists(name)
  host.readFile = (name) => texts.get(name) ?? readFile(name)
  const program = ts.createProgram(files, options, host)
  return codes.map(({ text }, index) => {
    const tolerated = usesAbsent(text) ? [CANNOT_FIND_MODULE, ...IMPLICIT_ANY] : []
    return ts
      .getPreEmitDiagnostics(program, program.getSourceFile(files[index]!))
      .filter(({ code }) => !tolerated.includes(code))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
  })
}

const usesAbsent = (text: string): boolean => Object.keys(absent).some((name) => text.includes(`'${name}'`))

/** A page that is compiled with the repository, and blocks that test/tools compiles in a project of their own. */
const blocks = blocksOf('ts').filter(
  ({ page, block }) =>
    page.file !== 'docs/adding-a-platform.md' && !/'(@graphql-codegen\/cli|gql\.tada)'/.test(block.text),
)

const mistake = "import { ApolloGateway } from '@apollo/gateway'\nnew ApolloGateway({ nowhere: 1 })"

const [ofMistake, ...ofBlocks] = problemsOf([
  { text: mistake },
  ...blocks.map(({ page, block: { text } }): Code => {
    const folder = page.file.replace(/\.md$/, '')
    return existsSync(join(root, folder)) ? { text, folder } : { text }
  }),
])

describe('every block compiles', () => {
  it.each(blocks.map(({ where }, index) => [where, ofBlocks[index]] as const))('%s', (_, problems) => {
    expect(problems).toEqual([])
  })
})

it('finds a mistake', () => {
  expect(ofMistake).not.toEqual([])
})

it('every package that is not installed is in a recipe', () => {
  const unused = Object.keys(absent).filter((name) => !blocks.some(({ block }) => block.text.includes(`'${name}'`)))
  expect(unused).toEqual([])
})
