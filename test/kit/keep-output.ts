/**
 * Keeps what servers and commands write during the tests, for `scripts/leak-check.ts`, which runs the whole suite and
 * then searches it. Without the variable nothing is kept.
 */
import { randomUUID } from 'node:crypto'
import { openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export const OUTPUT_VARIABLE = 'TOKENGRAPH_TEST_OUTPUT'

const folder = process.env[OUTPUT_VARIABLE]
const log = folder === undefined ? null : openSync(join(folder, `${process.pid}.log`), 'a')

/** A line of a log, or what a process wrote to one of its streams. */
export function keepOutput(chunk: string | Buffer): void {
  if (log !== null) writeSync(log, Buffer.from(chunk))
}

/**
 * The files of a test when it has ended: databases, audits and whatever else. They are moved, not copied. `except` are
 * the test's own input, which may hold secrets.
 */
export function keepFiles(source: string, except: ReadonlySet<string>): void {
  if (folder === undefined) return
  for (const file of except) rmSync(file, { force: true })
  renameSync(source, join(folder, randomUUID()))
}
