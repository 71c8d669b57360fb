/** The runs of a server in its collected standard output: linked, and counted by `audit verify --stream`. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createAudit, entryText } from '../../src/audit/log.ts'
import { takeSnapshot, verifyFiles } from '../../src/audit/verify.ts'
import { openStreamSink } from '../../src/audit/sink-stdout.ts'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { entryOf, keys, linesOf, openFileAudit, verify } from './chain.ts'

/** Writes a run of three decisions to a file, as a collector would; `crash` leaves its end out. */
async function writeRun(folder: Folder, name: string, { head = true, crash = false } = {}): Promise<string[]> {
  const path = join(folder.path, name)
  const fd = openSync(path, 'a')
  const sink = await openStreamSink({ fd, headPath: head ? join(folder.path, 'head') : null })
  const audit = createAudit(sink, keys)
  await audit.write(sink.opening.map(entryText))
  await sink.opened?.(audit.head())
  for (const account of ['a', 'b', 'c']) await audit.write([entryOf(`${name}_${account}`)])
  if (!crash) await audit.close()
  closeSync(fd)
  return linesOf(path)
}

async function verifyStream(folder: Folder, lines: readonly string[]) {
  const collected = folder.write('collected', `${lines.join('\n')}\n`)
  return verify([collected], { stream: true })
}

it('counts runs, and those without an end', async () => {
  using folder = makeFolder()
  const runs = [
    await writeRun(folder, 'one'),
    await writeRun(folder, 'two', { crash: true }),
    await writeRun(folder, 'three'),
  ]
  const { broken, records, runs: summary } = await verifyStream(folder, ['other', ...runs.flat(), '{"level":30}'])
  expect({ broken, records, summary }).toEqual({
    broken: null,
    records: 14,
    summary: { runs: 3, unended: 1, gaps: [] },
  })
})

it('accepts runs of replicas that are interleaved', async () => {
  using folder = makeFolder()
  const [one, two] = [await writeRun(folder, 'one', { head: false }), await writeRun(folder, 'two', { head: false })]
  const { broken, runs } = await verifyStream(
    folder,
    one.flatMap((line, n) => [two[n]!, line]),
  )
  expect({ broken, runs }).toEqual({ broken: null, runs: { runs: 2, unended: 0, gaps: [] } })
})

it.each<[string, (one: string[], two: string[], three: string[]) => string[], RegExp]>([
  [
    'removed',
    (one, _two, three) => [...one, ...three],
    /^run .*, which run .* names as the one before it, is missing$/,
  ],
  ['doubled', (one, two, three) => [...one, ...two, ...two, ...three], /^run .* is there twice$/],
  ['moved', (one, two, three) => [...two, ...one, ...three], /stands after run/],
  ['cut at its end', (one, two, three) => [...one, ...two.slice(0, -2), ...three], /has another end than record 5/],
])('names a run that was %s', async (_how, touch, gap) => {
  using folder = makeFolder()
  const runs = [await writeRun(folder, 'one'), await writeRun(folder, 'two'), await writeRun(folder, 'three')] as const
  const { broken, runs: summary } = await verifyStream(folder, touch(...runs))
  expect(broken).toBeNull()
  expect(summary?.gaps).toEqual([expect.stringMatching(gap)])
})

it('names the line of a record that was removed, moved or changed within a run', async () => {
  using folder = makeFolder()
  const [one, two] = [await writeRun(folder, 'one'), await writeRun(folder, 'two')]
  for (const [touched, line] of [
    [one.toSpliced(2, 1), 3],
    [one.toSpliced(1, 2, one[2]!, one[1]!), 2],
    [one.with(3, one[3]!.replace('one_c', 'one_x')), 4],
  ] as const)
    expect((await verifyStream(folder, [...touched, ...two])).broken).toMatchObject({ line })
})

it('does not start over a head that is none', async () => {
  using folder = makeFolder()
  const headPath = folder.write('head', '{"run":1}')
  await expect(openStreamSink({ fd: 1, headPath })).rejects.toThrow(/^audit\.head_path: .* holds no record of a run/)
})

it('a snapshot is whole while the file rotates', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const audit = await openFileAudit(path, { max_bytes: 3000 })
  await audit.write([entryOf('first')])
  const writing = (async () => {
    for (let n = 0; n < 400; n++) await audit.write([entryOf(`eac_${String(n)}`)])
  })()
  for (let round = 0; round < 15; round++) {
    const sources = await takeSnapshot(path)
    const { broken, records } = await verifyFiles(sources, keys, { partial: false, stream: false })
    expect(broken).toBeNull()
    expect(records).toBeGreaterThan(0)
    for (const source of sources) if (typeof source !== 'string') await source.handle.close()
  }
  await writing
  await audit.close()
})

it('a line without end takes time in proportion to its length, and is no record', async () => {
  using folder = makeFolder({ searched: false })
  const took = async (bytes: number) => {
    const path = join(folder.path, 'long')
    writeFileSync(path, Buffer.alloc(bytes, '{"type":"audit",'))
    const began = performance.now()
    for (const stream of [false, true]) expect((await verify([path], { stream })).broken).toMatchObject({ line: 1 })
    return performance.now() - began
  }
  await took(1_000_000)
  const [small, large] = [await took(10_000_000), await took(80_000_000)]
  // Waiting for the end of the line is a part of both.
  expect(large - small).toBeLessThan(4000)
  expect(readFileSync(join(folder.path, 'long')).length).toBe(80_000_000)
})
