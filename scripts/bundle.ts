/**
 * The JavaScript of the package: our modules and what they import of other packages, in one build, so that all entries share
 * what they share; all but `graphql`, `pg` and peer dependencies, which are installed beside it (docs/adr/0015-vendored-packages.md).
 */
import { globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import type { OutputOptions } from 'rolldown'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Modules that have a file of their own: what is exported, and what is loaded by its path or reads a file beside it. */
const entries = [
  'index.ts',
  'cli.ts',
  'version.ts',
  'lib/sqlite-thread.ts',
  'upstreams/kit.ts',
  'upstreams/registry.ts',
  ...globSync('upstreams/*/index.ts', { cwd: join(root, 'src') }),
]

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

/** What is not bundled. There can be one `graphql` in a process; `pg` loads a native package where there is one. */
const outside = new Set(['graphql', 'pg', ...Object.keys(manifestIn(root).peerDependencies ?? {})])

/** Of `@a/b/c` it is `@a/b`. */
const packageOf = (specifier: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? ''

const isOutside = (id: string): boolean => isBuiltin(id) || outside.has(packageOf(id))

/** The folder of the package that a module is in; null: it is ours. */
const folderOf = (module: string): string | null => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0] ?? null

/** `a-b` for `@a/b`. */
const nameIn = (folder: string): string => (manifestIn(folder).name ?? '').replace('@', '').replace('/', '-')

/** By `name@version`, the folder of each package of which something is bundled. */
export type Bundled = ReadonlyMap<string, string>

/** Writes the files below `to`; null: only says what would be in them. `more`: further entries, paths by name. */
export async function bundle(to: string | null, more: Readonly<Record<string, string>> = {}): Promise<Bundled> {
  const build = await rolldown({
    cwd: root,
    input: { ...Object.fromEntries(entries.map((file) => [file.slice(0, -3), join(root, 'src', file)])), ...more },
    platform: 'node',
    external: isOutside,
  })
  const options: OutputOptions = {
    format: 'esm',
    chunkFileNames({ moduleIds }) {
      // What looks beside itself must stand where it stood.
      const entry = entries.find((file) => moduleIds.includes(join(root, 'src', file)))
      if (entry !== undefined) return entry.replace('.ts', '.shared.js')
      const packages = new Set(moduleIds.map(folderOf))
      const [only = null] = packages
      // A reader finds `chunks/jose.js`, not the third `index.js`.
      return packages.size === 1 && only !== null ? `chunks/${nameIn(only)}.js` : 'chunks/[name].js'
    },
  }
  const { output } = await (to === null ? build.generate(options) : build.write({ ...options, dir: to }))
  await build.close()
  const packages = new Map<string, string>()
  for (const chunk of output) {
    if (chunk.type !== 'chunk') continue
    const missing = [...chunk.imports, ...chunk.dynamicImports].filter(
      (id) => !output.some(({ fileName }) => fileName === id) && !isOutside(id),
    )
    if (missing.length > 0) throw new Error(`${chunk.fileName} imports ${missing.join(', ')}, which is not there`)
    for (const module of Object.keys(chunk.modules)) {
      const folder = folderOf(module)
      if (folder === null) continue
      const { name = '', version = '' } = manifestIn(folder)
      packages.set(`${name}@${version}`, folder)
    }
  }
  const sorted = new Map([...packages].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  if (to !== null) writeFileSync(join(to, 'LICENSES.txt'), notices(sorted))
  return sorted
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
function notices(packages: Bundled): string {
  const texts = [...packages].map(([id, folder]) => {
    const file = readdirSync(folder).find((name) => /^licence|^license/i.test(name))
    const { license = 'no licence' } = manifestIn(folder)
    const text = file === undefined ? `${license}, says its package.json.` : readFileSync(join(folder, file), 'utf8')
    const inside = embedded[id.slice(0, id.lastIndexOf('@'))] ?? ''
    return `${id}\n\n${inside}${text.trim()}\n`
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}
