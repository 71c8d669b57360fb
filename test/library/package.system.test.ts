/** The package as it is published: packed, unpacked into another project, and used from there. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { install, pack } from '../../scripts/install-package.ts'
import { makeFolder } from '../kit/folder.ts'
import { TSC } from '../tools/project.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { tokengraph: string } }
const project = makeFolder()
let tarball = ''
const installed = join(project.path, 'node_modules', 'tokengraph')
/** What `npx tokengraph` runs. */
const command = join(installed, manifest.bin.tokengraph)

beforeAll(async () => {
  // `npm run check` looks for errors of types.
  tarball = await pack(project.path, false)
  // Its dependencies, without a registry: those of the repository.
  await install(tarball, process.execPath, project.path, true)
}, 180_000)

const node = async (...args: string[]) =>
  run(process.execPath, args, { cwd: project.path, env: { PATH: process.env.PATH } })

describe('the package', () => {
  test('runs its command', async () => {
    const { stdout } = await node(command, '--version')
    expect(stdout).toMatch(/^tokengraph \d+\.\d+\.\d+ /)
    expect((await node(command, '--help')).stdout).toContain('serve')
  })

  test('serves, and ends in order', async () => {
    const child = spawn(process.execPath, [command, 'serve', '--port', '0'], {
      cwd: project.path,
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    let url = ''
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(chunk))?.[0] ?? ''
      if (url !== '') break
    }
    child.stdout.resume()
    expect((await fetch(`${url}/ready`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })

  test('says which Node it needs on one that is too old', async () => {
    const old = join(project.path, 'old.cjs')
    writeFileSync(
      old,
      `Object.defineProperty(process.versions, 'node', { value: '22.18.0' })
require(${JSON.stringify(command)})`,
    )
    await expect(node(old)).rejects.toMatchObject({
      code: 3,
      stdout: '',
      stderr: 'tokengraph needs Node 22.19 or later; this is Node 22.18.0.\n',
    })
  })

  test('is walked by a newcomer, two developers and a platform engineer, who get where they want', async () => {
    // No test asks a registry.
    const args = [join(root, 'scripts/walk.ts'), '--linked', '--tarball', tarball]
    const { stdout } = await run(process.execPath, args, { cwd: root })
    const people = ['A newcomer', 'A frontend developer', 'A backend developer', 'A platform engineer']
    expect(stdout.split('\n').filter((line) => line.startsWith(' A '))).toEqual(people.map((each) => ` ${each}`))
    expect(stdout).toMatch(/\nEverybody got there\.\n$/)
  })

  test('is a library, whose kit makes a platform', async () => {
    const file = join(project.path, 'main.js')
    writeFileSync(
      file,
      `import { createTokengraph } from 'tokengraph'
import { definePlatform, secret, token } from 'tokengraph/kit'
import { z } from 'zod'
const acme = definePlatform({
  options: z.strictObject({ region: z.enum(['eu', 'us']).default('eu').describe('Where it is.') }),
  docs: { title: 'Acme', holds: '', batch: '', refresh: '', provider_user_id: '', external_accounts: '' },
  open: () => ({
    autoRefreshes: false,
    accounts: null,
    tokens: { kind: 'one', one: async ({ userId, provider }) => [token({ external_account_id: userId, provider, token: secret('t-' + userId) })] },
    close: async () => undefined,
  }),
})
const open = (region) => createTokengraph({
  config: {
    upstreams: { own: { platform: 'acme', region } },
    auth: { services: [{ id: 'a', key_sha256: '${'ab'.repeat(32)}', grants: [] }] },
    audit: { sink: 'none' },
    log_level: 'silent',
  },
  platforms: { acme },
})
console.log(await open('moon').then(() => 'opened', ({ message }) => message))
const tokengraph = await open('us')
const response = await tokengraph.fetch(new Request('http://a.example/ready'))
console.log(response.status, (await response.json()).status)
await tokengraph.close()
`,
    )
    const { stdout } = await node(file)
    // Its zod is another copy than the one inside of the package.
    expect(stdout).toMatch(/upstreams\.own\.region.*expected.*eu.*us/)
    expect(stdout).toMatch(/\n200 ready\n$/)
  })

  test('has types, and nothing but what it exports can be imported', async () => {
    const file = join(project.path, 'types.ts')
    writeFileSync(
      file,
      `import { createTokengraph, type Tokengraph } from 'tokengraph'
import { definePlatform } from 'tokengraph/kit'
export const opening: Promise<Tokengraph> = createTokengraph({ config: 'tokengraph.yaml' })
export const define = definePlatform
// @ts-expect-error: the file of the configuration is no number
void createTokengraph({ config: 1 })
`,
    )
    const options = {
      module: 'nodenext',
      target: 'es2024',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    }
    writeFileSync(join(project.path, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [file] }))
    const compiled = await node(join(root, 'node_modules', TSC), '--pretty', 'false').catch((error: unknown) => error)
    const { stdout } = compiled as { stdout: string }
    // Types of packages beside this one are not ours to mend.
    const problems = stdout
      .split('\n')
      .filter((line) => /^\S.*error TS/.test(line) && !/node_modules\/(?!tokengraph\/)/.test(line))
    expect(problems).toEqual([])
    await expect(node('-e', 'import("tokengraph/dist/main.js")')).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })
})
