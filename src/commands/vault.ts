/** The `tokengraph vault` commands: each prints what it did, never a secret, and returns its exit code. */
import { createReadStream } from 'node:fs'
import { parseImport } from '../upstreams/vault/import.ts'
import { rotateKeys as rotate } from '../upstreams/vault/rotate.ts'
import { truncateLog } from '../upstreams/vault/store.ts'
import type { Store } from '../upstreams/vault/store.ts'
import { writeAccounts } from '../upstreams/vault/write.ts'
import type { Output } from './vault-output.ts'
import { createProgress } from './vault-progress.ts'

export { listAccounts, removeAccounts } from './vault-accounts.ts'

export interface ImportSource {
  /** Bytes or text, such as `createReadStream(file)` or `process.stdin`. */
  readonly input: AsyncIterable<Uint8Array | string>
  /** What to call the input in messages: the path as it was given, or `standard input`. */
  readonly name: string
}

/** `-` is standard input. */
export function openImport(file: string): ImportSource {
  return file === '-' ? { input: process.stdin, name: 'standard input' } : { input: createReadStream(file), name: file }
}

/** Writes all records or none: 0, or 1 when a record is not valid. Throws `Error` for an unreadable input. */
export async function importAccounts(store: Store, source: ImportSource, { out, err }: Output): Promise<number> {
  const reading = createProgress(err, 'Reading')
  const parsed = await parse(source, reading.update).finally(reading.end)
  if (parsed.problems.length > 0) {
    for (const problem of parsed.problems) err.write(`${source.name}: ${problem}\n`)
    if (parsed.more > 0) err.write(`… and ${String(parsed.more)} more.\n`)
    err.write(`Nothing was imported: ${String(parsed.invalid)} of ${count(parsed.total, 'record')} not valid.\n`)
    return 1
  }
  const writing = createProgress(err, 'Writing', parsed.records.length)
  const { added, changed, unchanged } = writeAccounts(store, parsed.records, writing.update)
  writing.end()
  const counts = `${String(added)} added, ${String(changed)} changed, ${String(unchanged)} unchanged`
  out.write(`${count(parsed.total, 'record')}: ${counts}.\n`)
  return 0
}

/** Re-wraps every row under the active key: 0, or 1 when a damaged row still needs an old key. Can be run again at any time. */
export function rotateKeys(store: Store, { out, err }: Output): number {
  const progress = createProgress(err, 'Re-wrapping')
  const rotation = rotate(store, progress.update)
  progress.end()
  truncateLog(store.database)
  out.write(`${count(rotation.rewrapped, 'account')} re-wrapped under key ${store.keyring.active.id}.\n`)
  for (const id of rotation.unused) out.write(`Key ${id} is no longer used: you may remove it from \`keys\`.\n`)
  for (const row of rotation.damaged)
    err.write(
      `Damaged and left as it is: ${row.user_id} ${row.provider} ${row.external_account_id}. Import it again or remove it.\n`,
    )
  for (const id of rotation.needed) err.write(`Key ${id} is still needed: keep it in \`keys\`.\n`)
  return rotation.needed.length === 0 ? 0 : 1
}

async function parse(source: ImportSource, onProgress: (done: number) => void) {
  try {
    return await parseImport(source.input, onProgress)
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'the input ended with an error'
    throw new Error(`Cannot read ${source.name}: ${reason}.`, { cause })
  }
}

function count(amount: number, noun: string): string {
  return `${String(amount)} ${noun}${amount === 1 ? '' : 's'}`
}
