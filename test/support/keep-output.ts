/**
 * Keeps what the servers of the tests write, for `scripts/leak-check.ts`, which runs the whole suite and then searches
 * it. Without the variable nothing is kept.
 */
import { randomUUID } from 'node:crypto'
import { appendFileSync, cpSync } from 'node:fs'
import { join } from 'node:path'

export const OUTPUT_VARIABLE = 'TOKENGRAPH_TEST_OUTPUT'

/** A line of a log, or what a process wrote to one of its streams. */
export function keepOutput(chunk: string | Buffer): void {
  const folder = process.env[OUTPUT_VARIABLE]
  if (folder !== undefined) appendFileSync(join(folder, `${String(process.pid)}.log`), chunk)
}

/** The files of a test, before they go away: databases, audits and whatever else; `except` are the test's own input. */
export function keepFiles(source: string, except: ReadonlySet<string>): void {
  const folder = process.env[OUTPUT_VARIABLE]
  if (folder === undefined) return
  cpSync(source, join(folder, randomUUID()), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !except.has(path),
  })
}
