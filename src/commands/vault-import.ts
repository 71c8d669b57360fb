/** `tokengraph vault import`: writes all records of a file or none, in bounded memory. */
import { newReport, readRecords } from '../upstreams/vault/import.ts'
import type { ImportReport } from '../upstreams/vault/import.ts'
import type { AccountRecord } from '../upstreams/vault/store/record.ts'
import type { Store } from '../upstreams/vault/store/store.ts'
import { writeAccounts } from '../upstreams/vault/store/write.ts'
import type { ImportSource } from './import-source.ts'
import { createProgress } from './terminal.ts'
import type { Output } from './terminal.ts'
import { count, emptyLog } from './vault.ts'

/** Ends the transaction of an import that must not be kept. */
class AbandonedImport extends Error {}

/**
 * Checks the whole input, and then writes it in one transaction: a mistake at its end holds no lock. Returns 0, or 1 when a
 * record is not valid, or the file changed meanwhile; rejects with `Error` for an unreadable input.
 */
export async function importAccounts(store: Store, source: ImportSource, { out, err }: Output): Promise<0 | 1> {
  const checked = await check(source, err)
  if (checked.invalid > 0) return refuse(source, checked, err)
  const report = newReport()
  const progress = createProgress(err, 'Writing', checked.total)
  try {
    const records = allOrNone(source, report)
    const { added, changed, unchanged } = await writeAccounts(store, records, progress.update).finally(progress.end)
    out.write(`${count(report.total, 'record')}: ${added} added, ${changed} changed, ${unchanged} unchanged.\n`)
    if (changed > 0) await emptyLog(store, err)
    return 0
  } catch (error) {
    if (!(error instanceof AbandonedImport)) throw error
    err.write(`${source.name} changed while it was read, and nothing was imported. Import it again when it is whole.\n`)
    return 1
  }
}

async function check(source: ImportSource, err: Output['err']): Promise<ImportReport> {
  const report = newReport()
  const progress = createProgress(err, 'Checking')
  let bytes = 0
  async function* counted() {
    for await (const chunk of source.read()) {
      bytes += chunk.length
      yield chunk
    }
  }
  try {
    for await (const _ of readRecords(counted(), report)) progress.update(report.total, bytes / source.bytes)
  } finally {
    progress.end()
  }
  return report
}

async function* allOrNone(source: ImportSource, report: ImportReport): AsyncGenerator<AccountRecord> {
  yield* readRecords(source.read(), report, null)
  if (report.invalid > 0 || !(await source.isUnchanged())) throw new AbandonedImport('the input changed')
}

function refuse({ name }: ImportSource, { problems, more, invalid, total }: ImportReport, err: Output['err']): 1 {
  for (const problem of problems) err.write(`${name}: ${problem}\n`)
  if (more > 0) err.write(`… and ${more} more.\n`)
  err.write(`Nothing was imported: ${invalid} of ${count(total, 'record')} not valid.\n`)
  return 1
}
