/** docs/promises.md S13: verification names the first record that was changed, removed, inserted or moved. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAuditKeys } from '../../src/audit/record.ts'
import { verifyFiles } from '../../src/audit/verify.ts'
import { secret } from '../../src/lib/secret.ts'
import { makeFolder } from '../kit/folder.ts'
import { entryOf, keys, linesOf, openFileAudit, verify, writeRecords } from './chain.ts'

const accounts = Array.from({ length: 8 }, (_, n) => `eac_${String(n)}`)

/** Verifies a chain of eight records after `touch` rewrote its lines. */
async function verifyTouched(touch: (lines: string[]) => string[]) {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  await writeRecords(path, accounts)
  writeFileSync(path, `${touch(linesOf(path)).join('\n')}\n`)
  return await verify([path])
}

it('accepts an intact chain', async () => {
  const { broken, records, first, last } = await verifyTouched((lines) => lines)
  expect({ broken, records, first: first?.seq, last: last?.seq }).toEqual({
    broken: null,
    records: 8,
    first: 1,
    last: 8,
  })
})

it.each<[string, (lines: string[]) => string[], number, RegExp]>([
  ['removed', (lines) => lines.toSpliced(3, 1), 4, /record 5, where record 4 should stand/],
  ['removed from the start', (lines) => lines.slice(1), 1, /record 2, and the records before it are missing/],
  ['written twice', (lines) => lines.toSpliced(3, 0, lines[2]!), 4, /record 3, where record 4/],
  ['exchanged', (lines) => lines.toSpliced(2, 2, lines[3]!, lines[2]!), 3, /record 4, where record 3/],
  ['replaced by text', (lines) => lines.toSpliced(5, 1, 'nothing happened'), 6, /not a record/],
  ['replaced by an empty line', (lines) => lines.toSpliced(5, 1, ''), 6, /not a record/],
  ['renamed', (lines) => lines.map((line) => line.replace('eac_4', 'eac_9')), 5, /changed/],
  ['renumbered', (lines) => lines.toSpliced(3, 2, lines[4]!.replace('"seq":5', '"seq":4')), 4, /changed/],
  ['respelled', (lines) => lines.map((line) => line.replace('"v":1', '"v": 1')), 1, /changed/],
])('names the line where a record was %s', async (_how, touch, line, problem) => {
  const { broken, records } = await verifyTouched(touch)
  expect(broken).toMatchObject({ line, problem: expect.stringMatching(problem) as string })
  expect(records).toBe(line - 1)
})

it('names the first record that differs, whichever character of the file changed', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  await writeRecords(path, accounts)
  const text = `${linesOf(path).join('\n')}\n`
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.constantFrom('a', '0', '"', ' ', '}', '\n'), async (at, character) => {
      fc.pre(text[at] !== character)
      writeFileSync(path, text.slice(0, at) + character + text.slice(at + 1))
      const line = text.slice(0, at).split('\n').length
      expect((await verify([path])).broken).toMatchObject({ line })
    }),
    { numRuns: 200 },
  )
})

it('rejects records of another key, and records that were forged without a key', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const without = createAuditKeys(null)
  const forged = await openFileAudit(path, {}, without)
  await forged.write([entryOf('eac_1')])
  await forged.close()
  const options = { partial: false, stream: false }
  expect((await verifyFiles([path], without, options)).broken).toBeNull()
  expect((await verifyFiles([path], keys, options)).broken).toMatchObject({ line: 1 })
  const other = createAuditKeys(secret('another-invented-audit-key-0123456789'))
  await writeRecords(join(folder.path, 'keyed.ndjson'), ['eac_1'])
  expect((await verifyFiles([join(folder.path, 'keyed.ndjson')], other, options)).broken).toMatchObject({ line: 1 })
})

it('reports a last line without an end', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  await writeRecords(path, accounts)
  appendFileSync(path, '{"type":"audit"')
  expect((await verify([path])).broken).toMatchObject({ line: 9, problem: expect.stringContaining('no end') as string })
})

it('reads collected output: skips other lines, accepts one chain per run, and finds a gap in any of them', async () => {
  using folder = makeFolder()
  const runs = await Promise.all(
    ['one', 'two'].map(async (name) => {
      await writeRecords(join(folder.path, name), accounts)
      return linesOf(join(folder.path, name))
    }),
  )
  const [one, two] = runs as [string[], string[]]
  const collected = folder.write('collected', ['starting', ...one, '{"level":30}', ...two, ''].join('\n'))
  expect(await verify([collected], { stream: true })).toMatchObject({ broken: null, records: 16 })
  expect((await verify([collected])).broken).toMatchObject({ line: 1 })
  const cut = folder.write('cut', ['starting', ...one.toSpliced(4, 1), ...two, ''].join('\n'))
  expect((await verify([cut], { stream: true })).broken).toMatchObject({ line: 6 })
})
