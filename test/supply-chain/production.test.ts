/** The published package: `dist/` and exactly what `npm ci --omit=dev` installs, nothing else within reach. */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { installed, manifest, packageName, production, root } from './lockfile.ts'
import { serveOnce, works } from './serve.ts'

const run = promisify(execFile)
const repository = fileURLToPath(root)
const layout = makeFolder()
const entry = join(layout.path, 'dist/cli.js')

/**
 * The files of a package. Hard links where the file system allows them: a symbolic link would resolve into the
 * repository, where the development packages are. Nested packages are in the list themselves.
 */
function mirror(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const { name } of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, name), join(to, name)]
    if (statSync(source).isDirectory()) {
      if (name !== 'node_modules') mirror(source, target)
    } else if (!/\.(map|md|d\.[cm]?ts)$/.test(name)) {
      try {
        linkSync(source, target)
      } catch {
        copyFileSync(source, target)
      }
    }
  }
}

beforeAll(async () => {
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  // `npm run build` without checking the types again, which `npm run check` does.
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(layout.path, 'dist')]
  await run(process.execPath, [tsc, ...options], { cwd: repository })
  copyFileSync(join(repository, 'package.json'), join(layout.path, 'package.json'))
  for (const folder of production.keys()) mirror(join(repository, folder), join(layout.path, folder))
}, 120_000)

afterAll(() => {
  layout[Symbol.dispose]()
})

it('reaches nothing that only developers install', () => {
  const { resolve } = createRequire(entry)
  const names = [...installed.keys()].map(packageName)
  const shipped = new Set([...production.keys()].map(packageName))
  const reached = names.filter((name) => !shipped.has(name) && existsSync(join(layout.path, 'node_modules', name)))
  expect(reached).toEqual([])
  expect(() => resolve('typescript/package.json')).toThrow()
  expect(resolve('graphql/package.json')).toContain(layout.path)
})

it('serves, with the page of development mode', async () => {
  using folder = makeFolder()
  expect(await serveOnce({ entry, cwd: folder.path })).toMatchObject(works)
})

it('serves under --disable-proto=throw', async () => {
  using folder = makeFolder()
  expect(await serveOnce({ entry, flags: ['--disable-proto=throw'], cwd: folder.path })).toMatchObject(works)
})

it.each([
  [['schema'], /type Query/],
  [['schema', '--subgraph'], /@link/],
  [['keys', 'new', '--id', 'invented'], /key_sha256/],
  [['vault', 'list', '--user', 'user_demo'], /./],
])('runs tokengraph %j', async (args, printed) => {
  using folder = makeFolder()
  const { stdout, stderr } = await run(process.execPath, [entry, ...args], { cwd: folder.path })
  expect(stdout + stderr).toMatch(printed)
})

it('says which package a platform needs that a default install does not have', async () => {
  using folder = makeFolder()
  const file = folder.write(
    'tokengraph.yaml',
    `audit: { sink: none }
auth: { services: [{ id: invented, key_sha256: ${'a'.repeat(64)}, schema: true }] }
upstreams:
  app:
    platform: better-auth
    database: { postgres: 'postgres://invented:invented@127.0.0.1:1/invented' }
    encrypted: true
    secret: invented-better-auth-secret-0123456789
`,
  )
  const failed = await run(process.execPath, [entry, 'serve', '--config', file, '--port', '0'], {
    cwd: folder.path,
    timeout: 30_000,
  }).catch((error: unknown) => error as { stdout: string; stderr: string })
  expect(failed.stdout + failed.stderr).toMatch(/needs the package \S+, which is not installed/)
})

it('has the engine that it asks for, and an executable that is built', () => {
  expect(manifest.engines.node).toBe('>=22.19')
  expect(existsSync(entry)).toBe(true)
})
