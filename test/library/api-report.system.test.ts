/** Holds what the package exports against the committed report. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const script = fileURLToPath(new URL('../../scripts/api-report.ts', import.meta.url))

test('the exports are those of api-report.md', async () => {
  // Rejects with the message of the script, which says what to do.
  expect(await run(process.execPath, [script, '--check'])).toEqual({ stdout: '', stderr: '' })
}, 180_000)
