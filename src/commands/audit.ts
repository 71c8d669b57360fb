/** `tokengraph audit`: verifies the records, and finds the records of a token that turned up elsewhere. */
import { stat } from 'node:fs/promises'
import type { AuditConfig } from '../audit/options.ts'
import { createAuditKeys } from '../audit/record.ts'
import type { AuditKeys } from '../audit/record.ts'
import type { RunSummary } from '../audit/runs.ts'
import { takeSnapshot, verifyFiles } from '../audit/verify.ts'
import type { Verification, VerifyOptions } from '../audit/verify.ts'
import { whyNot } from '../lib/files.ts'
import { secret } from '../lib/secret.ts'
import { UsageError } from './terminal.ts'
import type { Format, Output } from './terminal.ts'

/**
 * Verifies the named files, or the configured file and its rotated files. Returns the exit code: 0 when the chain is
 * intact, or 1 with the first broken record, or with the gaps between the runs of a stream, on `err`.
 */
export async function verifyAudit(
  config: AuditConfig,
  named: readonly string[],
  options: VerifyOptions & { readonly format?: Format },
  { out, err }: Output,
): Promise<0 | 1> {
  const keys = createAuditKeys(config.key)
  const verification =
    named.length > 0 ? await verifyNamed(named, keys, options) : await verifyConfigured(config, keys, options)
  const { records, first, last, broken, runs } = verification
  if (options.format === 'json') {
    const gaps = runs?.gaps ?? []
    const whole = broken === null && first !== null && last !== null && gaps.length === 0
    const shown = {
      ...{ whole, records, first_seq: first?.seq ?? null, last_seq: last?.seq ?? null, hash: last?.hash ?? null },
      ...{ keyed: config.key !== null, broken, runs },
    }
    out.write(`${JSON.stringify(shown)}\n`)
    return whole ? 0 : 1
  }
  if (broken !== null) {
    err.write(`${broken.file}:${broken.line}  ${broken.problem}\n`)
    err.write(`${records} records before it are whole.\n`)
    return 1
  }
  if (first === null || last === null) {
    err.write(`There is no record in ${named.length > 0 ? named.join(', ') : pathOf(config)}.\n`)
    return 1
  }
  if (runs !== null && runs.gaps.length > 0) {
    for (const gap of runs.gaps) err.write(`${gap}\n`)
    err.write(`${records} records of ${runs.runs} runs are whole; gaps between runs: ${runs.gaps.length}.\n`)
    return 1
  }
  out.write(`The chain is whole: ${records} records, ${first.seq} to ${last.seq}.\n`)
  if (runs !== null) out.write(describeRuns(runs))
  out.write(
    `It ends in ${last.hash}; compare with what was noted, because a chain cannot show that its end is missing.\n`,
  )
  if (config.key === null) out.write('It was checked without a key: it shows damage, but not who wrote it.\n')
  return 0
}

function describeRuns({ runs, unended }: RunSummary): string {
  return `Runs: ${runs}, gaps between them: 0, without a last record: ${unended}${
    unended === 0 ? '' : ' (running, crashed, or cut off)'
  }.\n`
}

const pathOf = (config: AuditConfig): string => (config.sink === 'file' ? config.path : 'the audit')

async function verifyNamed(files: readonly string[], keys: AuditKeys, options: VerifyOptions): Promise<Verification> {
  // The error of reading a directory does not name it.
  for (const file of files)
    if ((await stat(file).catch(() => null))?.isDirectory() === true)
      throw new Error(`Cannot read ${file}: it is a directory. ${expected}`)
  return verifyFiles(files, keys, options).catch(explainUnreadable)
}

const expected = 'Name the files of the audit, in any order.'

/** Throws `Error` for the operator where a file cannot be read, and the error as it is otherwise. */
function explainUnreadable(error: unknown): never {
  const why = whyNot(error)
  if (why === null || !(error instanceof Error)) throw error
  throw new Error(`Cannot read ${'path' in error ? String(error.path) : 'the audit'}: ${why}. ${expected}`, {
    cause: error,
  })
}

async function verifyConfigured(config: AuditConfig, keys: AuditKeys, options: VerifyOptions): Promise<Verification> {
  if (config.sink !== 'file')
    throw new UsageError('audit.sink is no file in this configuration: name the files to verify, or another --config.')
  const sources = await takeSnapshot(config.path).catch(explainUnreadable)
  try {
    return await verifyFiles(sources, keys, options)
  } finally {
    for (const source of sources) if (typeof source !== 'string') await source.handle.close()
  }
}

/**
 * Prints the fingerprint by which the records name a token. Reads the token from `input`, because arguments end up in
 * the history of the shell. Returns the exit code, 0; rejects without a token or without an audit key.
 */
export async function printFingerprint(
  config: AuditConfig,
  input: AsyncIterable<string | Buffer>,
  { out }: Output,
): Promise<0> {
  const chunks: Buffer[] = []
  for await (const chunk of input) chunks.push(Buffer.from(chunk))
  const token = Buffer.concat(chunks).toString('utf8').trim()
  if (token === '')
    throw new UsageError('Give the token on standard input, as in: tokengraph audit fingerprint < token.txt')
  const fingerprint = createAuditKeys(config.key).fingerprint(secret(token))
  if (fingerprint === null)
    throw new Error(
      'audit.key is not set, so that records hold no fingerprints. Name the configuration of the server with --config.',
    )
  out.write(`${fingerprint}\n`)
  return 0
}
