/** Follows docs/adding-a-platform.md, and nothing else, in a copy of the repository. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, delimiter, dirname, join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { TSC } from '../tools/project.ts'
import { root } from './pages.ts'

const folder = makeFolder({ searched: false })
const page = readFileSync(join(root, 'docs/adding-a-platform.md'), 'utf8')

/** The files that the page shows: a path in a line of its own, and a block. */
const shown = [...page.matchAll(/^`([\w./-]+)`:\n\n(?:<!--.*-->\n\n)?```ts\n([^]*?)^```$/gm)].map(
  ([, file = '', text = '']) => ({ file, text }),
)

/** The lines that the page adds to lists, by file; the registry imports when it is asked. */
const added = [
  ...[...page.matchAll(/^([\w./-]+\.ts) +(import .*)\n +(\w+,)$/gm)].map(
    ([, file = '', importLine = '', name = '']) => ({ file, importLine: `${importLine}\n`, name }),
  ),
  ...[...page.matchAll(/^([\w./-]+registry\.ts) +(get .*,)$/gm)].map(([, file = '', name = '']) => ({
    ...{ file, importLine: '', name },
  })),
]

/** What a copy can do without. */
const left = new Set(['node_modules', '.git', 'dist', 'data', 'coverage', 'package-lock.json'])

function run(command: string, ...args: readonly string[]) {
  const path = [join(root, 'node_modules/.bin'), process.env.PATH ?? ''].join(delimiter)
  const env = { ...process.env, PATH: path, NO_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder.path, env, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

function filesBelow(path: string): Map<string, string> {
  const files = readdirSync(path, { withFileTypes: true })
    .filter((entry) => !entry.isSymbolicLink())
    .flatMap((entry) => {
      const file = join(path, entry.name)
      return entry.isDirectory() ? [...filesBelow(file)] : ([[file, readFileSync(file, 'utf8')]] as const)
    })
  return new Map(files)
}

const before = new Map<string, string>()

beforeAll(() => {
  cpSync(root, folder.path, { recursive: true, filter: (file) => !left.has(basename(file)) })
  for (const [file, text] of filesBelow(folder.path)) before.set(relative(folder.path, file), text)
  symlinkSync(join(root, 'node_modules'), join(folder.path, 'node_modules'))
  for (const { file, text } of shown) {
    mkdirSync(dirname(join(folder.path, file)), { recursive: true })
    writeFileSync(join(folder.path, file), text)
  }
  for (const { file, importLine, name } of added) {
    const list = before.get(file) ?? ''
    const changed = list
      .replace(/^import /m, `${importLine}import `)
      .replace(/^(export const (?:platforms|fixtures) = \{)$/m, `$1\n  ${name}`)
    writeFileSync(join(folder.path, file), changed)
  }
  const contract = readFileSync(join(root, 'docs/platforms/propelauth.md'), 'utf8')
  writeFileSync(join(folder.path, 'docs/platforms/acme.md'), contract.replaceAll('propelauth', 'acme'))
})
afterAll(() => {
  folder[Symbol.dispose]()
})

describe('a platform that is added by following the page', () => {
  it('is one folder and one name for the server, and its tests', () => {
    const now = new Map([...filesBelow(folder.path)].map(([file, text]) => [relative(folder.path, file), text]))
    const changed = [...now].filter(([file, text]) => before.get(file) !== text).map(([file]) => file)
    expect(changed.toSorted()).toEqual([
      'docs/platforms/acme.md',
      'src/upstreams/acme/index.ts',
      'src/upstreams/registry.ts',
      'test/conformance/acme.ts',
      'test/conformance/fixtures.ts',
      'test/servers/acme.ts',
    ])
    const lines = (text = '') => text.split('\n')
    const registry = lines(now.get('src/upstreams/registry.ts')).filter(
      (line) => !lines(before.get('src/upstreams/registry.ts')).includes(line),
    )
    expect(registry).toEqual(["  get acme() { return load<typeof import('./acme/index.ts')>('acme').acme },"])
  })

  it('compiles', () => {
    const files = [...shown, ...added].map(({ file }) => file)
    folder.write('tsconfig.acme.json', JSON.stringify({ extends: './tsconfig.json', include: [], files }))
    expect(run('node', join('node_modules', TSC), '-p', 'tsconfig.acme.json')).toEqual({ status: 0, output: '' })
  })

  it('imports the kit and nothing else of this server', () => {
    const { text = '' } = shown.find(({ file }) => file === 'src/upstreams/acme/index.ts') ?? {}
    const imports = [...text.matchAll(/ from '(\.[^']*)'/g)].map(([, path]) => path)
    expect(new Set(imports)).toEqual(new Set(['../kit.ts']))
  })

  it('passes the conformance suite', () => {
    const { status, output } = run(
      'vitest',
      'run',
      'test/conformance',
      '--testNamePattern',
      'acme',
      '--maxWorkers',
      '1',
    )
    expect({ status, output }).toMatchObject({ status: 0 })
    expect(Number(/(\d{1,6}) passed/.exec(output.slice(output.indexOf('Tests ')))?.[1])).toBeGreaterThan(20)
  })

  it('is in the generated docs', () => {
    expect(run('node', 'scripts/docs.ts')).toMatchObject({ status: 0 })
    const read = (file: string) => readFileSync(join(folder.path, file), 'utf8')
    expect(read('docs/platforms.md')).toContain('| [Acme](platforms/acme.md) (`acme`) |')
    expect(read('docs/configuration.md')).toContain('`platform: acme`')
  })
})
