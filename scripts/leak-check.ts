/**
 * Runs the whole test suite with logs at level debug, and searches everything that the servers and commands wrote for
 * the secrets that the tests plant (docs/promises.md S7). Arguments go to vitest. Exit code 1: a test failed, or something leaked.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, sep } from 'node:path'
import { findLeaksBelow } from '../test/kit/find-leaks.ts'
import { OUTPUT_VARIABLE } from '../test/kit/keep-output.ts'

/**
 * How the invented secrets of the tests begin: tokens, credentials, keys, and the texts of upstreams' errors. Where a
 * test needs a secret it takes one of these, or a canary of its own.
 */
const planted = [
  'invented-token',
  'invented-id-token',
  'invented-refresh-token',
  'invented-access-token',
  'invented-plain-token',
  'invented-upstream-text',
  'invented-page-text',
  'invented-client-secret',
  'invented-password',
  'invented-secret',
  'invented-ring-secret',
  'invented-audit-key',
  'invented-better-auth-secret',
  'invented-reader-password',
  'sk_test_invented',
  'canary-',
]

/**
 * Not written by the product: the database of the application whose better-auth the tests read, which keeps tokens as
 * plain text, and the packages of the production layout.
 */
function isForeign(file: string): boolean {
  return basename(file).startsWith('app.sqlite') || file.includes(`${sep}node_modules${sep}`)
}

const folder = mkdtempSync(join(tmpdir(), 'tokengraph-output-'))
try {
  const tests = spawn('vitest', ['run', ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, [OUTPUT_VARIABLE]: folder },
  })
  const [code] = (await once(tests, 'close')) as [number | null]
  const logs = readdirSync(folder).filter((name) => name.endsWith('.log'))
  const lines = logs.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
  const debug = lines.filter((line) => line.startsWith('{"level":"debug",')).length
  const leaks = findLeaksBelow(folder, planted, { parts: false }, isForeign)
  for (const { where, canary, form } of leaks) console.error(`leak: ${canary} (${form}) in ${where}`)
  console.log(
    `Searched ${lines.length} lines, ${debug} of them at level debug, and the files of the tests: ${leaks.length} leaks.`,
  )
  // Nothing written would mean that nothing was searched.
  const searched = debug > 0
  process.exitCode = code === 0 && leaks.length === 0 && searched ? 0 : 1
} finally {
  if (process.exitCode === 0) rmSync(folder, { recursive: true, force: true })
}
