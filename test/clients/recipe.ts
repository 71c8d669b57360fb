/** The code that a page in docs/ shows, as a module that runs. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { shownCode } from '../tools/project.ts'

/** Inside the repository, so that its packages are found. */
const folder = fileURLToPath(new URL('../../node_modules/.cache/recipes/', import.meta.url))

/** Imports the first block of TypeScript below the heading. */
export async function loadRecipe<Module>(heading: string, page = 'tools'): Promise<Module> {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${page}-${heading.replaceAll(/\W/g, '-')}-${process.pid}.mjs`)
  writeFileSync(file, stripTypeScriptTypes(shownCode(heading, 'ts', page)))
  try {
    return (await import(pathToFileURL(file).href)) as Module
  } finally {
    rmSync(file)
  }
}
