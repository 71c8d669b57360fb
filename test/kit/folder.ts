/** Folders that are removed when they are no longer used. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { keepFiles } from './keep-output.ts'

export interface Folder extends Disposable {
  readonly path: string
  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string
}

/**
 * The caller disposes of it. What the product left in it is kept for the leak search, the given files are not.
 * `searched: false`: a copy of sources, whose invented secrets the product did not write.
 */
export function makeFolder({ searched = true } = {}): Folder {
  const path = mkdtempSync(join(tmpdir(), 'tokengraph-test-'))
  const given = new Set<string>()
  return {
    path,
    write(name, content) {
      const file = join(path, name)
      writeFileSync(file, content)
      given.add(file)
      return file
    },
    [Symbol.dispose]: () => {
      if (searched) keepFiles(path, given)
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Removed when the current test ends. */
export function testFolder(): Folder {
  const folder = makeFolder()
  onTestFinished(() => {
    folder[Symbol.dispose]()
  })
  return folder
}
