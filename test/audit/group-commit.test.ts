/** Group commit: entries that arrive during a write go into the next one; a failed or stuck write affects no other. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createAudit } from '../../src/audit/log.ts'
import type { AuditSink } from '../../src/audit/log.ts'
import { openFileSink } from '../../src/audit/sink-file.ts'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { entryOf, keys, recordsOf, verify } from './chain.ts'

/** A real file whose writes are gated: `passes` runs before each write, with its number. */
async function openGated(folder: Folder, passes: (write: number) => Promise<void>, timeoutMs?: number) {
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
  return { path, audit: createAudit(sink, keys, timeoutMs), writes: () => writes }
}

const open = () => Promise.resolve()
const accounts = (path: string) => recordsOf(path).map(({ account }) => account)

it('writes the decisions of 50 concurrent operations in one write, and those that arrive meanwhile in the next', async () => {
  using folder = makeFolder()
  const gate = Promise.withResolvers<undefined>()
  const { path, audit, writes } = await openGated(folder, (write) => (write === 1 ? gate.promise : open()))
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

it('does not call the sink for an empty list', async () => {
  using folder = makeFolder()
  const { audit, writes } = await openGated(folder, open)
  await audit.write([])
  expect(writes()).toBe(0)
  await audit.close()
})

it('rejects exactly the operations whose write failed, and leaves no gap', async () => {
  using folder = makeFolder()
  const { path, audit } = await openGated(folder, (write) => (write === 2 ? Promise.reject(new Error('full')) : open()))
  await audit.write([entryOf('eac_1')])
  const failing = ['eac_2', 'eac_3'].map((account) => audit.write([entryOf(account)]))
  const outcomes = await Promise.allSettled(failing)
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await audit.write([entryOf('eac_4')])
  expect(accounts(path)).toEqual(['eac_1', 'eac_4'])
  expect((await verify([path])).broken).toBeNull()
  await audit.close()
})

it('times out on a stuck sink, rejects the next at once, and continues when the sink answers', async () => {
  using folder = makeFolder()
  const gate = Promise.withResolvers<undefined>()
  const { path, audit } = await openGated(folder, (write) => (write === 1 ? gate.promise : open()), 30)
  await expect(audit.write([entryOf('eac_1')])).rejects.toThrow('did not answer in time')
  await expect(audit.write([entryOf('eac_2')])).rejects.toThrow('does not keep up')
  gate.resolve(undefined)
  await expect.poll(() => audit.head().seq).toBe(1)
  await audit.write([entryOf('eac_3')])
  // The first was rejected and is recorded all the same: one record too many is safe, one too few is not.
  expect(accounts(path)).toEqual(['eac_1', 'eac_3'])
  expect((await verify([path])).broken).toBeNull()
  await audit.close()
})

it('finishes the write in progress before it closes', async () => {
  using folder = makeFolder()
  const gate = Promise.withResolvers<undefined>()
  const { path, audit } = await openGated(folder, () => gate.promise)
  const written = audit.write([entryOf('eac_1')])
  const closed = audit.close()
  gate.resolve(undefined)
  await Promise.all([written, closed])
  expect(accounts(path)).toEqual(['eac_1'])
})
