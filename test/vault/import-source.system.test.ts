/** What `vault import` reads: a pipe is copied without leaving anything behind, and a file has to stay as it is. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { copyPipe, openImport } from '../../src/commands/import-source.ts'
import { importAccounts } from '../../src/commands/vault-import.ts'
import { createProgress } from '../../src/commands/terminal.ts'
import { testFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { captureOutput } from '../kit/output.ts'
import { run, start } from '../kit/process.ts'
import { newVault, open, record, tamper, toLines } from './helpers.ts'

const tokens = Array.from({ length: 50 }, (_, n) => `invented-token-${String(n)}-`.padEnd(1000, 'x'))
const lines = toLines(tokens.map((token, n) => record({ user_id: `user_${String(n)}`, token })))

async function textOf(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of input) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

test('a long pipe is read as often as it is asked for, from a file that has no name and shows no token', async () => {
  const parts = Array.from({ length: Math.ceil(lines.length / 777) }, (_, n) => lines.slice(n * 777, (n + 1) * 777))
  const source = await copyPipe(Readable.from(parts), 'standard input', undefined, 10_000)
  expect(source.bytes).toBe(lines.length)
  expect(await textOf(source.read())).toBe(lines)
  expect(await textOf(source.read())).toBe(lines)
  const own = readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).includes('tokengraph-import-'))
  expect(own.map(linkOf)).toEqual([expect.stringMatching(/\/sealed \(deleted\)$/)])
  const sealed = readFileSync(join('/proc/self/fd', own[0] ?? ''))
  expect(sealed.length).toBe(lines.length)
  expect(sealed.includes('invented')).toBe(false)
  await source.close()
})

function linkOf(fd: string): string {
  try {
    return readlinkSync(join('/proc/self/fd', fd))
  } catch {
    // It was closed since it was listed.
    return ''
  }
}

test('a file that changes between the check and the end of the writing is not imported', async () => {
  const options = newVault()
  const path = testFolder().write('accounts.ndjson', lines)
  const file = await openImport(path)
  let reads = 0
  const read = () => {
    if (++reads === 2) appendFileSync(path, toLines([record({ user_id: 'user_late' })]))
    return file.read()
  }
  const printed = captureOutput()
  expect(await importAccounts(await open(options), { ...file, read }, printed)).toBe(1)
  await file.close()
  expect(printed.err.text()).toBe(
    `${path} changed while it was read, and nothing was imported. Import it again when it is whole.\n`,
  )
  expect(tamper(options, 'SELECT count(*) AS rows FROM accounts')).toEqual([{ rows: 0 }])
})

test('progress on what is no terminal is a line every ten seconds, with what is known of the rest', () => {
  let nowMs = 0
  const { err } = captureOutput()
  const progress = createProgress(err, 'Writing', 30_000, () => nowMs)
  for (let done = 1; done <= 30_000; done++) {
    nowMs += 1
    progress.update(done)
  }
  progress.end()
  expect(err.text()).toBe(
    'Writing: 10000 of 30000 (33 %)\nWriting: 20000 of 30000 (66 %)\nWriting: 30000 of 30000 (100 %)\n',
  )
})

function configure(folder: Folder): string {
  const path = join(folder.path, 'vault.sqlite')
  const keys = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
  return folder.write(
    'tokengraph.yaml',
    JSON.stringify({
      upstreams: { vault: { platform: 'vault', path, keys } },
      auth: { services: [{ id: 'test', key_sha256: 'ab'.repeat(32) }] },
    }),
  )
}

/** Six megabytes: more than is kept in memory. */
const long = toLines(
  Array.from({ length: 6000 }, (_, n) => record({ user_id: `user_${String(n)}`, token: 'invented-'.padEnd(800, 'x') })),
)

test('Ctrl-C while a pipe is read leaves no file and no account; the same pipe to its end is imported', async () => {
  const folder = testFolder()
  const config = configure(folder)
  const temporary = join(folder.path, 'tmp')
  mkdirSync(temporary)
  const env = { TMPDIR: temporary }
  const args = ['vault', 'import', '-', '--config', config]
  {
    await using started = start(args, { cwd: folder.path, env, input: null })
    const { stdin } = started.child
    // The write ends when the command has read nearly all of it, so that the file is there.
    await new Promise((resolve) => stdin?.write(long, resolve))
    started.child.kill('SIGINT')
    expect((await started.ended).code).toBe(null)
  }
  expect(readdirSync(temporary)).toEqual([])
  const list = await run(['vault', 'list', '--config', config], { cwd: folder.path })
  expect(list).toMatchObject({ code: 0, stdout: '', stderr: 'No accounts.\n' })
  expect(await run(args, { cwd: folder.path, env, input: long })).toMatchObject({
    code: 0,
    stdout: '6000 records: 6000 added, 0 changed, 0 unchanged.\n',
  })
  expect(readdirSync(temporary)).toEqual([])
})

test('a pipe that cannot be copied says where it should go', async () => {
  const folder = testFolder()
  const args = ['vault', 'import', '-', '--config', configure(folder)]
  const missing = join(folder.path, 'nowhere')
  const { code, stderr } = await run(args, { cwd: folder.path, env: { TMPDIR: missing }, input: long })
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr:
      `The records of a pipe are copied into ${missing}, which cannot be written: not found. ` +
      'Name another folder in TMPDIR, or import a file.\n',
  })
  expect(existsSync(join(folder.path, 'vault.sqlite'))).toBe(false)
})

test('Ctrl-C in the middle of the writing leaves no account', async () => {
  const folder = testFolder()
  const config = configure(folder)
  const list = ['vault', 'list', '--config', config]
  expect((await run(list, { cwd: folder.path })).code).toBe(0)
  const file = folder.write('accounts.ndjson', long)
  const log = join(folder.path, 'vault.sqlite-wal')
  await using started = start(['vault', 'import', file, '--config', config], { cwd: folder.path })
  await expect
    .poll(() => statSync(log, { throwIfNoEntry: false })?.size ?? 0, { timeout: 50_000, interval: 5 })
    .toBeGreaterThan(1_000_000)
  started.child.kill('SIGINT')
  expect(await started.ended).toMatchObject({ code: null, stdout: '' })
  expect(await run(list, { cwd: folder.path })).toMatchObject({ code: 0, stdout: '', stderr: 'No accounts.\n' })
})
