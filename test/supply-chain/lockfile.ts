/** What `package.json` and the lockfile say; read as they lie in the repository. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { bundle } from '../../scripts/bundle.ts'

export const root = new URL('../../', import.meta.url)

const names = z.record(z.string(), z.string())

const manifestShape = z.object({
  version: z.string(),
  license: z.string(),
  engines: z.object({ node: z.string() }),
  scripts: names,
  dependencies: names,
  devDependencies: names,
  overrides: names.optional(),
})

const entryShape = z.object({
  name: z.string().optional(),
  version: z.string(),
  license: z.string().optional(),
  integrity: z.string().optional(),
  resolved: z.string().optional(),
  hasInstallScript: z.boolean().optional(),
  dev: z.boolean().optional(),
})

export type Entry = z.output<typeof entryShape>

const lockShape = z.object({ lockfileVersion: z.number(), packages: z.record(z.string(), entryShape) })

const read = (file: string): string => readFileSync(new URL(file, root), 'utf8')

export const manifest = manifestShape.parse(JSON.parse(read('package.json')))

export const lockText = read('package-lock.json')
export const lock = lockShape.parse(JSON.parse(lockText))

/** By the folder below the root, such as `node_modules/a/node_modules/b`; without the project itself. */
export const installed: ReadonlyMap<string, Entry> = new Map(
  Object.entries(lock.packages).filter(([folder]) => folder !== ''),
)

/** What `npm ci --omit=dev` installs. */
export const production: ReadonlyMap<string, Entry> = new Map([...installed].filter(([, { dev }]) => dev !== true))

/** What is run in production: what is installed, and what the package has inside. */
export async function findShipped(): Promise<ReadonlyMap<string, Entry>> {
  const folders = [...(await bundle(null)).values()].map((folder) => relative(fileURLToPath(root), folder))
  const vendored = folders.map((folder): [string, Entry] => {
    const entry = installed.get(folder)
    if (entry === undefined) throw new Error(`${folder} is not in the lockfile`)
    return [folder, entry]
  })
  return new Map([...production, ...vendored])
}

/** `b` for `node_modules/a/node_modules/b`. */
export function packageName(folder: string): string {
  return folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
}
