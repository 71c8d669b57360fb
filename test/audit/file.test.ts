/** The audit file: rotation, restarts, crashes, and other writers. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createAuditKeys } from '../../src/audit/record.ts'
import { listRotated } from '../../src/audit/sink-file.ts'
import { secret } from '../../src/lib/secret.ts'
import { makeFolder } from '../kit/folder.ts'
import { entryOf, linesOf, openFileAudit, recordsOf, verify, writeRecords } from './chain.ts'

const many = (count: number) => Array.from({ length: count }, (_, n) => `eac_${String(n)}`)

it('is readable by its owner only, and continues after a restart', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'deep', 'audit.ndjson')
  await writeRecords(path, many(3))
  await writeRecords(path, many(3))
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder.path, 'deep')).mode & 0o777).toBe(0o700)
  expect(await verify([path])).toMatchObject({ broken: null, records: 6 })
})

it('rotates by size, and keeps one chain through files in any order and through restarts', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  for (let run = 0; run < 3; run++) await writeRecords(path, many(9), { max_bytes: 2500 })
  const rotated = await listRotated(path)
  expect(rotated.length).toBeGreaterThan(3)
  for (const file of rotated) expect(statSync(file).size).toBeLessThanOrEqual(2500)
  expect(await verify([path, ...rotated.toReversed()])).toMatchObject({ broken: null, records: 27 })

  const [oldest, second, ...others] = rotated as [string, string, ...string[]]
  expect(await verify([second, ...others, path])).toMatchObject({ broken: { file: second, line: 1 } })
  expect((await verify([second, ...others, path], { partial: true })).broken).toBeNull()
  expect((await verify([oldest, ...others, path])).broken).toMatchObject({ file: others[0], line: 1 })
})

it('keeps the configured number of rotated files', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  await writeRecords(path, many(30), { max_bytes: 2500, keep: 2 })
  const rotated = await listRotated(path)
  expect(rotated).toHaveLength(2)
  const { broken, last } = await verify([...rotated, path], { partial: true })
  expect({ broken, seq: last?.seq }).toEqual({ broken: null, seq: 30 })
})

it('continues after a rotation that stopped after the rename', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  await writeRecords(path, many(3))
  renameSync(path, `${path}.000000000000001`)
  await writeRecords(path, many(2))
  expect(await verify([path, `${path}.000000000000001`])).toMatchObject({ broken: null, records: 5 })
})

it('moves an incomplete last line aside and records the recovery', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  await writeRecords(path, many(2))
  const torn = linesOf(path)[1]!.slice(0, 100)
  appendFileSync(path, torn)
  await writeRecords(path, many(1))
  expect(await verify([path])).toMatchObject({ broken: null, records: 4 })
  expect(recordsOf(path)[2]).toMatchObject({ event: 'recovery', torn_bytes: 100 })
  const aside = readdirSync(folder.path).filter((name) => name.includes('.torn-'))
  expect(aside.map((name) => readFileSync(join(folder.path, name), 'utf8'))).toEqual([torn])
})

it('moves the whole of a write aside whose end is missing: no answer left before it was complete', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const audit = await openFileAudit(path)
  await audit.write([entryOf('eac_1')])
  await audit.write(['eac_2', 'eac_3', 'eac_4'].map(entryOf))
  await audit.close()
  const lines = linesOf(path)
  for (const kept of [2, 3]) {
    const cut = folder.write(`cut-${String(kept)}.ndjson`, `${lines.slice(0, kept).join('\n')}\n{"type":"au`)
    await writeRecords(cut, ['eac_5'])
    expect(await verify([cut])).toMatchObject({ broken: null, records: 3 })
    expect(recordsOf(cut).map(({ account }) => account)).toEqual(['eac_1', undefined, 'eac_5'])
  }
})

it('finds its end in a file whose last write is long', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const audit = await openFileAudit(path, { max_bytes: 100_000_000 })
  await audit.write(many(8000).map(entryOf))
  await audit.close()
  await writeRecords(path, ['eac_last'], { max_bytes: 100_000_000 })
  expect(await verify([path])).toMatchObject({ broken: null, records: 8001 })
})

it.each([true, false, 'interval'] as const)(
  'with fsync %s every record is in the file before its write resolves',
  async (fsync) => {
    using folder = makeFolder()
    const path = join(folder.path, 'audit.ndjson')
    const audit = await openFileAudit(path, { fsync, max_bytes: 2500 })
    for (const account of many(12)) {
      await audit.write([entryOf(account)])
      expect(recordsOf(path).at(-1)).toMatchObject({ account })
    }
    await audit.close()
    expect(await verify([...(await listRotated(path)), path])).toMatchObject({ broken: null, records: 12 })
  },
)

it.each([
  [
    'was changed',
    (path: string) => {
      appendFileSync(path, `${linesOf(path)[0]!.replace('eac_0', 'eac_7')}\n`)
    },
  ],
  [
    'is no record',
    (path: string) => {
      appendFileSync(path, 'nothing\n')
    },
  ],
])('does not continue a file whose last line %s', async (_what, touch) => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  await writeRecords(path, many(2))
  touch(path)
  const before = readFileSync(path, 'utf8')
  await expect(openFileAudit(path)).rejects.toThrow(/tokengraph audit verify/)
  expect(readFileSync(path, 'utf8')).toBe(before)
})

it('does not continue a file of another key, or one that is not a regular file', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  await writeRecords(path, many(2))
  const other = createAuditKeys(secret('another-invented-audit-key-0123456789'))
  await expect(openFileAudit(path, {}, other)).rejects.toThrow(/no record of this audit.key/)
  symlinkSync('/dev/full', join(folder.path, 'full'))
  await expect(openFileAudit(join(folder.path, 'full'))).rejects.toThrow(/not a regular file/)
})

it('records nothing in a file that another process writes', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const ours = await openFileAudit(path)
  await ours.write([entryOf('eac_1')])
  await writeRecords(join(folder.path, 'theirs'), ['eac_2'])
  appendFileSync(path, readFileSync(join(folder.path, 'theirs')))
  await expect(ours.write([entryOf('eac_3')])).rejects.toThrow(/something else/)
  expect(recordsOf(path).map(({ account }) => account)).toEqual(['eac_1', 'eac_2'])
  await ours.close()
})

it('is refused to a second process while the first one lives, however that ends', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const first = await openFileAudit(path)
  await expect(openFileAudit(path)).rejects.toThrow(/^audit\.path: another process writes .*; give each server/)
  await first.write([entryOf('eac_1')])
  await first.close()
  const child = spawn(process.execPath, ['--input-type=module', '-e', holdLock, `${path}.lock`])
  await once(child.stdout, 'data')
  await expect(openFileAudit(path)).rejects.toThrow('another process writes')
  child.kill('SIGKILL')
  await once(child, 'close')
  await writeRecords(path, ['eac_2'])
  expect(await verify([path])).toMatchObject({ broken: null, records: 2 })
})

const holdLock = `
  import { DatabaseSync } from 'node:sqlite'
  new DatabaseSync(process.argv[1]).exec('BEGIN EXCLUSIVE')
  console.log('locked')
  setInterval(() => undefined, 1000)
`

it('begins a new file when the operator moves the old one away, and continues the chain', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const audit = await openFileAudit(path)
  await audit.write([entryOf('eac_1')])
  renameSync(path, join(folder.path, 'archived'))
  await audit.write([entryOf('eac_2')])
  expect(await verify([path, join(folder.path, 'archived')])).toMatchObject({ broken: null, records: 2 })
  unlinkSync(path)
  await audit.write([entryOf('eac_3')])
  await audit.close()
  expect((await verify([path, join(folder.path, 'archived')])).broken).toMatchObject({ file: path, line: 1 })
})
