/** Puts the packed package into an empty project, and other versions of Node beside it; `walk.ts` uses both. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)

/** One version of Node, with the package installed into a project of its own. */
export interface Walker {
  readonly node: string
  readonly project: string
  /** What `npx tokengraph` runs. */
  readonly command: string
}

/** A registry's package with the program alone; npm's `node` would download it in a script. */
export async function installNode(home: string, version: string): Promise<string> {
  const folder = join(home, `node-${version}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{}')
  const name = `node-${process.platform}-${process.arch}`
  await run('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], { cwd: folder })
  return join(folder, 'node_modules', name, 'bin', 'node')
}

/** `isChecked`: whether the build looks for errors of types, as it does for a registry. */
export async function pack(home: string, isChecked = true): Promise<string> {
  if (!isChecked) await run(process.execPath, ['scripts/build.ts', '--no-check'], { cwd: root })
  const options = isChecked ? [] : ['--ignore-scripts']
  await run('npm', ['pack', ...options, '--pack-destination', home], { cwd: root })
  return join(home, readdirSync(home).find((name) => name.endsWith('.tgz')) ?? '')
}

/** `isLinked`: with the dependencies of the repository in the place of the registry's. */
export async function install(tarball: string, node: string, project: string, isLinked: boolean): Promise<Walker> {
  const installed = join(project, 'node_modules', 'tokengraph')
  mkdirSync(installed, { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  if (isLinked) {
    await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
    linkDependencies(join(project, 'node_modules'))
  } else await run('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: project })
  const { bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { bin: { tokengraph: string } }
  return { node, project, command: join(installed, bin.tokengraph) }
}

/** Links what the registry would install beside the package, and nothing that only this repository has. */
function linkDependencies(to: string): void {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly dev?: boolean }>>
  }
  for (const [folder, { dev }] of Object.entries(packages)) {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(folder) ?? []
    if (name === undefined || dev === true) continue
    mkdirSync(dirname(join(to, name)), { recursive: true })
    symlinkSync(join(root, folder), join(to, name))
  }
}
