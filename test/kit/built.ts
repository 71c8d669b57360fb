/**
 * The command line as users run it, built from the sources as they are: once for each state of them. It starts in half
 * the time that the sources take, and the tests start hundreds of processes.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, globSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The variable with the path of the command line, for the processes of the tests. */
export const CLI_VARIABLE = 'TEST_CLI'

const folder = join(root, 'node_modules/.cache/tokengraph-built')
const sources = ['src/**/*.ts', 'test/kit/*.ts', 'package*.json', 'scripts/bundle.ts']
/** Processes that the tests fork, which use the sources and the test kit. */
const processes = 'test/vault/**/*-process.ts'
/** Builds of other states of the sources are kept for so many milliseconds: a run may be using one. */
const KEPT_MS = 3_600_000

/** Returns the path of the command line; a run within a run has it already. */
export async function buildCommand(): Promise<string> {
  const given = process.env[CLI_VARIABLE]
  if (given !== undefined) return given
  const hash = createHash('sha256')
  for (const file of globSync([...sources, processes], { cwd: root }).toSorted())
    hash.update(`${file}\n`).update(readFileSync(join(root, file)))
  const built = join(folder, hash.digest('hex').slice(0, 16))
  if (!existsSync(built)) {
    const made = `${built}.${String(process.pid)}`
    // Here, so that workers do not load the bundler.
    const { bundle } = await import('../../scripts/bundle.ts')
    const more = globSync(processes, { cwd: root }).map((file) => [`test/${basename(file, '.ts')}`, join(root, file)])
    await bundle(join(made, 'dist'), Object.fromEntries(more) as Record<string, string>)
    copyFileSync(join(root, 'package.json'), join(made, 'package.json'))
    removeOld()
    try {
      renameSync(made, built)
    } catch {
      // Another run was first.
      rmSync(made, { recursive: true })
    }
  }
  return join(built, 'dist/cli.js')
}

/** The path of a process of the tests, as it is built; where nothing was built, of its source. */
export function builtProcess(source: string): string {
  const cli = process.env[CLI_VARIABLE]
  return cli === undefined ? source : join(dirname(cli), 'test', basename(source).replace(/\.ts$/, '.js'))
}

function removeOld(): void {
  for (const path of readdirSync(folder).map((name) => join(folder, name)))
    if (Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { recursive: true, force: true })
}

/** The path of the command line, within a test. */
export function builtCommand(): string {
  const path = process.env[CLI_VARIABLE]
  if (path === undefined) throw new Error('vitest.config.ts builds the command line')
  return path
}
