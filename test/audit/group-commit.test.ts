/** What waits while the sink writes goes with the next write; a write that fails or hangs takes nobody else along. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createAudit } from '../../src/audit/log.ts'
import type { AuditSink } from '../../src/audit/log.ts'
import { openFileSink } from '../../src/audit/sink-file.ts'
import { makeFolder } from '../support/folder.ts'
import type { Folder } from '../support/folder.ts'
import { entryOf, keys, recordsOf, verify } from './chain.ts'

/** A real file behind a door: `passes` decides what each write meets before it is made. */
async function openDoor(folder: Folder, passes: (write: number) => Promise<void>, timeout_ms?: number) {
  const path = join(folder.path, 'audit.ndjson')
  const file = await openFileSink({ path, max_bytes: 1_000_000, keep: null, fsync: true }, keys)
  let writes = 0
  const sink: AuditSink = {
    ...file,
    append: async (lines, first) => {
      writes += 1
      await passes(writes)
      await file.append(lines, first)
    },
  }
  return { path, audit: createAudit(sink, keys, timeout_ms), writes: () => writes }
}

const open = () => Promise.resolve()
const accounts = (path: string) => recordsOf(path).map(({ account }) => account)

it('writes what 50 operations decided at the same time in one write, and what came meanwhile in the next', async () => {
  using folder = makeFolder()
  const gate = Promise.withResolvers<undefined>()
  const { path, audit, writes } = await openDoor(folder, (write) => (write === 1 ? gate.promise : open()))
  const write = (from: number) =>
    Array.from({ length: 50 }, (_, n) => audit.write([entryOf(`eac_${String(from + n)}`)]))
  const first = write(0)
  await expect.poll(writes).toBe(1)
  const second = write(50)
  gate.resolve(undefined)
  await Promise.all([...first, ...second])
  expect(writes()).toBe(2)
  expect(await verify([path])).toMatchObject({ broken: null, records: 100 })
  expect(audit.head().seq).toBe(100)
  await audit.close()
})

it('asks nothing of the sink when nothing was decided', async () => {
  using folder = makeFolder()
  const { audit, writes } = await openDoor(folder, open)
  await audit.write([])
  expect(writes()).toBe(0)
  await audit.close()
})

it('refuses exactly those whose write failed, and leaves no gap', async () => {
  using folder = makeFolder()
  const { path, audit } = await openDoor(folder, (write) => (write === 2 ? Promise.reject(new Error('full')) : open()))
  await audit.write([entryOf('eac_1')])
  const failing = ['eac_2', 'eac_3'].map((account) => audit.write([entryOf(account)]))
  const outcomes = await Promise.allSettled(failing)
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await audit.write([entryOf('eac_4')])
  expect(accounts(path)).toEqual(['eac_1', 'eac_4'])
  expect((await verify([path])).broken).toBeNull()
  await audit.close()
})

it('does not wait for a sink that hangs, refuses the next at once, and goes on when it answers again', async () => {
  using folder = makeFolder()
  const gate = Promise.withResolvers<undefined>()
  const { path, audit } = await openDoor(folder, (write) => (write === 1 ? gate.promise : open()), 30)
  await expect(audit.write([entryOf('eac_1')])).rejects.toThrow('did not answer in time')
  await expect(audit.write([entryOf('eac_2')])).rejects.toThrow('does not keep up')
  gate.resolve(undefined)
  await expect.poll(() => audit.head().seq).toBe(1)
  await audit.write([entryOf('eac_3')])
  // The first was refused to its caller and is recorded all the same: a record too many, never one too few.
  expect(accounts(path)).toEqual(['eac_1', 'eac_3'])
  expect((await verify([path])).broken).toBeNull()
  await audit.close()
})

it('finishes what is under way before it closes', async () => {
  using folder = makeFolder()
  const gate = Promise.withResolvers<undefined>()
  const { path, audit } = await openDoor(folder, () => gate.promise)
  const written = audit.write([entryOf('eac_1')])
  const closed = audit.close()
  gate.resolve(undefined)
  await Promise.all([written, closed])
  expect(accounts(path)).toEqual(['eac_1'])
})
