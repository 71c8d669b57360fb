/** The published package: `dist/` and exactly what `npm ci --omit=dev` installs, nothing else within reach. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { findShipped, installed, manifest, packageName, production, root } from './lockfile.ts'
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
  const build = join(repository, 'scripts/build.ts')
  await run(process.execPath, [build, '--no-types', '--out', join(layout.path, 'dist')], { cwd: repository })
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

it('has the licences of what is inside of it', async () => {
  const notices = readFileSync(join(layout.path, 'dist/LICENSES.txt'), 'utf8')
  const shipped = await findShipped()
  const vendored = [...shipped].filter(([folder]) => !production.has(folder))
  for (const [folder, { version }] of vendored) expect(notices).toContain(`${packageName(folder)}@${version}\n\n`)
  expect(vendored.map(([folder]) => packageName(folder))).toContain('undici')
})

it('takes less than 60 MB, with what is installed beside it', () => {
  const sizeOf = (folder: string): number =>
    readdirSync(folder, { withFileTypes: true })
      .map((entry) => [entry, join(folder, entry.name)] as const)
      .map(([entry, path]) => (entry.isDirectory() ? sizeOf(path) : statSync(path).size))
      .reduce((sum, bytes) => sum + bytes, 0)
  const folders = [...production.keys()].map((folder) => join(repository, folder))
  const bytes = [join(layout.path, 'dist'), join(repository, 'docs'), ...folders].map(sizeOf)
  expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThan(60_000_000)
})

it('serves, with the page of development mode', async () => {
  using folder = makeFolder()
  expect(await serveOnce({ entry, cwd: folder.path })).toMatchObject(works)
})

it('serves under --disable-proto=throw', async () => {
  using folder = makeFolder()
  expect(await serveOnce({ entry, flags: ['--disable-proto=throw'], cwd: folder.path })).toMatchObject(works)
})

it('serves metrics and sends spans: what is vendored and loaded on demand', async () => {
  using folder = makeFolder()
  const spans = Promise.withResolvers<string>()
  const collector = createServer((request, response) => {
    void text(request).then((body) => {
      spans.resolve(`${String(request.url)} ${body}`)
      response.end('{}')
    })
  })
  await once(collector.listen(0, '127.0.0.1'), 'listening')
  const { port } = collector.address() as AddressInfo
  const file = folder.write(
    'tokengraph.yaml',
    `audit: { sink: none }
auth: { services: [{ id: invented, key_sha256: ${'a'.repeat(64)}, schema: true }] }
upstreams: { clerk: { platform: clerk, secret_key: sk_test_invented0123456789 } }
listen: { host: 127.0.0.1, port: 0 }
metrics: { host: 127.0.0.1, port: 0 }
tracing: { endpoint: 'http://127.0.0.1:${String(port)}/v1/traces' }
`,
  )
  const child = spawn(process.execPath, [entry, 'serve', '--config', file], { cwd: folder.path })
  const closed = once(child, 'close')
  try {
    let output = ''
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      output += String(chunk)
      if (output.includes('"msg":"listening"')) break
    }
    child.stdout.resume()
    const url = /"url":"([^"]+)"/.exec(output)?.[1] ?? ''
    expect((await fetch(url, { method: 'POST', body: '{}' })).ok).toBe(false)
    child.kill('SIGTERM')
    expect(await spans.promise).toMatch(/^\/v1\/traces .*"tokengraph"/)
    expect(await closed).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
    collector.close()
  }
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
