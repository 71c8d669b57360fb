/** `vault import` holds no more than a part of a file in memory, however long the file is. */
import { createWriteStream, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { createSeenAccounts } from '../../src/upstreams/vault/seen-accounts.ts'
import { testFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'

const RECORDS = 2000
const TOKEN_LENGTH = 60_000
/** Megabytes of the old generation of the heap: the program alone takes about half of them, the records would take 120. */
const HEAP_MB = 96

function* lines(last: string): Generator<string> {
  for (let n = 0; n < RECORDS; n++) {
    const token = `invented-${String(n)}-`.padEnd(TOKEN_LENGTH, 'x')
    yield `${JSON.stringify({ user_id: `user_${String(n)}`, provider: 'google', external_account_id: 'a', token })}\n`
  }
  yield last
}

function configure(folder: Folder): string {
  const path = join(folder.path, 'vault.sqlite')
  const keys = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
  const upstreams = { vault: { platform: 'vault', path, keys } }
  const auth = { services: [{ id: 'test', key_sha256: 'ab'.repeat(32) }] }
  return folder.write('tokengraph.yaml', JSON.stringify({ upstreams, auth }))
}

test('120 MB of records are imported, or refused for the last of them, by a heap of 96 MB', async () => {
  const folder = testFolder()
  const file = configure(folder)
  const write = (name: string, last: string) =>
    pipeline(Readable.from(lines(last)), createWriteStream(join(folder.path, name)))
  await write('bad.ndjson', '{"user_id":"user_0","provider":"google","external_account_id":"a","token":"invented"}\n')
  await write('good.ndjson', '')
  const env = { NODE_OPTIONS: `--max-old-space-size=${String(HEAP_MB)}` }
  const imported = (name: string) => run(['vault', 'import', name, '--config', file], { cwd: folder.path, env })
  const refused = await imported('bad.ndjson')
  expect(refused.stderr).toContain(
    `line ${String(RECORDS + 1)}: external_account_id: the same user_id, provider and external_account_id stand on line 1`,
  )
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(await imported('good.ndjson')).toMatchObject({
    code: 0,
    stdout: `${String(RECORDS)} records: ${String(RECORDS)} added, 0 changed, 0 unchanged.\n`,
  })
  // The leak search reads what the command wrote, and need not read 240 MB that it was given.
  for (const name of ['bad.ndjson', 'good.ndjson']) rmSync(join(folder.path, name))
}, 240_000)

/** Mebibytes: a process that has read its configuration takes about half of them, and took 340 with records of this number. */
const PEAK_MB = 240
const MANY = 20_000

test('the memory of an import is that of the program, not that of its records', async () => {
  const folder = testFolder()
  const account = { provider: 'google', external_account_id: 'a', token: 'invented-'.padEnd(300, 'x') }
  const input = Array.from({ length: MANY }, (_, n) => JSON.stringify({ user_id: `user_${String(n)}`, ...account }))
  const report = folder.write(
    'report.mjs',
    // Not `maxRSS`, which counts what the process was forked from.
    "import { readFileSync } from 'node:fs'\nprocess.once('exit', () => console.error(readFileSync('/proc/self/status', 'utf8')))\n",
  )
  const file = folder.write('many.ndjson', input.join('\n'))
  const args = ['vault', 'import', file, '--config', configure(folder)]
  const ended = await run(args, { cwd: folder.path, env: { NODE_OPTIONS: `--import=${report}` } })
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining(`${String(MANY)} added`) as string })
  const kibibytes = Number(/^VmHWM:\s*(\d+) kB$/m.exec(ended.stderr)?.[1])
  expect(kibibytes / 1024).toBeLessThan(PEAK_MB)
})

test('every account that was seen is found again with its line, and no other one', () => {
  const seen = createSeenAccounts()
  const names = Array.from({ length: 20_000 }, (_, n) => `["user_${String(n)}","oauth_google","a"]`)
  expect(names.map((name, n) => seen.add(name, n + 1)).filter((line) => line !== null)).toEqual([])
  expect(names.map((name) => seen.add(name, 1))).toEqual(names.map((_, n) => n + 1))
})
