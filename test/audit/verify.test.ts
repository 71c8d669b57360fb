/** docs/promises.md S13: verification names the first record that was changed, removed, inserted or moved. */
import { hash } from 'node:crypto'
import { appendFileSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { chainEntries, createAuditKeys, genesis } from '../../src/audit/record.ts'
import { verifyFiles } from '../../src/audit/verify.ts'
import { secret } from '../../src/lib/secret.ts'
import { makeFolder } from '../kit/folder.ts'
import { entryOf, keys, linesOf, openFileAudit, recordsOf, verify, writeRecords } from './chain.ts'

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
  ['respelled', (lines) => lines.map((line) => line.replace('"v":2', '"v": 2')), 1, /changed/],
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

/** Three writes of three records each, as lines: the last one of each write has the seal. */
function linesOfGroups(): string[] {
  let head = genesis
  let text = ''
  for (const group of ['a', 'b', 'c']) {
    const chained = chainEntries(
      [1, 2, 3].map((n) => entryOf(`${group}_${String(n)}`)),
      head,
      keys,
    )
    text += chained.lines.toString()
    head = chained.head
  }
  return text.split('\n').slice(0, -1)
}

/** The line with other content and the hash that fits, as somebody without the key can write it. */
function forge(line: string, from: string, to: string, prev?: string): string {
  const [, body = '', seal = ''] = /^(.*),"hash":"[0-9a-f]{64}"(,"seal":"[0-9a-f]{64}")?\}$/.exec(line)!
  const forged = body
    .replace(from, to)
    .replace(/"prev":"[0-9a-f]{64}"/, (known) => (prev === undefined ? known : `"prev":"${prev}"`))
  return `${forged},"hash":"${hash('sha256', forged, 'hex')}"${seal}}`
}
const headOf = (line: string): string => /"(?:hash|seal)":"([0-9a-f]{64})"\}$/.exec(line)![1]!

it.each<[string, (lines: string[]) => string[], number, number, RegExp]>([
  ['changed', (lines) => lines.with(4, lines[4]!.replace('b_2', 'b_9')), 5, 4, /this record was changed/],
  ['removed', (lines) => lines.toSpliced(4, 1), 5, 4, /record 6, where record 5/],
  ['forged with the hash that fits', (lines) => lines.with(4, forge(lines[4]!, 'b_2', 'b_9')), 6, 5, /does not follow/],
  [
    'forged with everything up to the seal',
    (lines) => {
      const second = forge(lines[4]!, 'b_2', 'b_9')
      return lines.with(4, second).with(5, forge(lines[5]!, 'b_3', 'b_3', headOf(second)))
    },
    4,
    3,
    /the seal after this record/,
  ],
  [
    'added at the end without a seal',
    (lines) => [...lines, forge(lines[8]!.replace(/,"seal":"\w+"/, ''), '"seq":9', '"seq":10', headOf(lines[8]!))],
    10,
    9,
    /no seal follows/,
  ],
  ['stripped of its seal', (lines) => lines.with(5, lines[5]!.replace(/,"seal":"\w+"/, '')), 7, 6, /does not follow/],
  ['cut in the middle of a write', (lines) => lines.slice(0, 8), 7, 6, /no seal follows/],
])('names the line where a record of a write was %s', async (_how, touch, line, before, problem) => {
  using folder = makeFolder()
  const path = folder.write('audit.ndjson', `${linesOfGroups().join('\n')}\n`)
  expect(await verify([path])).toMatchObject({ broken: null, records: 9 })
  const touched = folder.write('touched.ndjson', `${touch(linesOfGroups()).join('\n')}\n`)
  for (const stream of [false, true]) {
    const { broken, records } = await verify([touched], { stream })
    const expected = stream ? /./ : problem
    expect(broken).toMatchObject({ line, problem: expect.stringMatching(expected) as string })
    expect(records).toBe(before)
  }
})

it('continues a file of version 1, and finds what was changed on both sides of the upgrade', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  copyFileSync(new URL('version-1.ndjson', import.meta.url), path)
  expect(await verify([path])).toMatchObject({ broken: null, records: 3 })
  await writeRecords(path, ['eac_4', 'eac_5'])
  expect(recordsOf(path).map(({ account }) => account)).toEqual(['eac_1', 'eac_2', 'eac_3', 'eac_4', 'eac_5'])
  expect(await verify([path])).toMatchObject({ broken: null, records: 5, last: { seq: 5 } })
  const lines = linesOf(path)
  for (const [n, line] of lines.entries()) {
    writeFileSync(path, `${lines.with(n, line.replace('eac_', 'eac-')).join('\n')}\n`)
    expect((await verify([path])).broken).toMatchObject({ line: n + 1 })
    writeFileSync(path, `${lines.toSpliced(n, 1).join('\n')}\n`)
    if (n < lines.length - 1) expect((await verify([path])).broken).toMatchObject({ line: n + 1 })
  }
  // A record of version 2 cannot pass for one of version 1.
  writeFileSync(path, `${lines.with(3, lines[3]!.replace('"v":2', '"v":1')).join('\n')}\n`)
  expect((await verify([path])).broken).toMatchObject({ line: 4 })
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
