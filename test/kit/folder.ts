/** Folders that go away with the test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keepFiles } from './keep-output.ts'

export interface Folder extends Disposable {
  readonly path: string
  /** Writes a file and gives its path. */
  write(name: string, content: string): string
}

export function makeFolder(): Folder {
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
      keepFiles(path, given)
      rmSync(path, { recursive: true, force: true })
    },
  }
}
