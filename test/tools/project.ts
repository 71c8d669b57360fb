/** A project of somebody who uses the graph: a folder with these files and this repository's tools. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { printSchema } from '../../src/commands/schema.ts'
import type { SchemaForm } from '../../src/commands/schema.ts'
import { makeFolder } from '../kit/folder.ts'
import { captureOutput } from '../kit/output.ts'

const nodeModules = realpathSync(fileURLToPath(new URL('../../node_modules', import.meta.url)))

export interface ToolResult {
  readonly code: number
  /** Both streams, without colours. */
  readonly output: string
}

export interface Project extends Disposable {
  read(name: string): string
  /** Runs a script of a package, as `gql.tada/bin/cli.js`, to its end. */
  run(script: string, ...args: readonly string[]): Promise<ToolResult>
}

/** `introspection.json` and `schema.graphql` are there too, as the command line prints them. */
export function makeProject(files: Readonly<Record<string, string>>): Project {
  const folder = makeFolder()
  symlinkSync(nodeModules, join(folder.path, 'node_modules'))
  const write = (name: string, content: string) => {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true })
    folder.write(name, content)
  }
  write('introspection.json', printed({ introspection: true }))
  write('schema.graphql', printed({}))
  write('package.json', JSON.stringify({ name: 'invented', type: 'module' }))
  for (const [name, content] of Object.entries(files)) write(name, content)
  return {
    read: (name) => readFileSync(join(folder.path, name), 'utf8'),
    run: (script, ...args) =>
      new Promise((resolve) => {
        const env = { PATH: process.env.PATH ?? '', NO_COLOR: '1', CI: 'true', HOME: folder.path }
        execFile(
          process.execPath,
          [join(nodeModules, script), ...args],
          { cwd: folder.path, env },
          (error, out, err) => {
            resolve({ code: error === null ? 0 : Number(error.code), output: out + err })
          },
        )
      }),
    [Symbol.dispose]: () => {
      folder[Symbol.dispose]()
    },
  }
}

/** A block of a page, docs/tools.md unless another is named: the first in this language below the heading. */
export function shownCode(heading: string, language: string, page = 'tools'): string {
  const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const [, code] = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(section) ?? []
  if (code === undefined) throw new Error(`docs/${page}.md shows no ${language} below ${heading}`)
  return code
}

/** What `tokengraph schema` prints. */
export function printed(form: Partial<SchemaForm>): string {
  const output = captureOutput()
  printSchema({ authenticated: true, ...form }, output)
  return output.out.text()
}

/** The compiler of TypeScript 7, which is what the registry gives to users. */
export const TSC = 'typescript-7/bin/tsc'

/** For projects that are compiled, never run; `more` are further options. */
export function tsconfig(more: object = {}): string {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'esnext',
    moduleResolution: 'bundler',
    allowImportingTsExtensions: true,
    noUnusedLocals: false,
    skipLibCheck: true,
    types: [],
    ...more,
  }
  return JSON.stringify({ compilerOptions, include: ['**/*.ts'], exclude: ['node_modules'] })
}
