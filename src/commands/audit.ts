/** `tokengraph audit`: verifies the records, and finds the records of a token that turned up elsewhere. */
import type { AuditConfig } from '../audit/options.ts'
import { createAuditKeys } from '../audit/record.ts'
import { listRotated } from '../audit/sink-file.ts'
import { verifyFiles } from '../audit/verify.ts'
import type { VerifyOptions } from '../audit/verify.ts'
import { secret } from '../lib/secret.ts'
import type { Output } from './terminal.ts'

/**
 * Verifies the named files, or the configured file and its rotated files. Returns the exit code: 0 when the chain is
 * intact, or 1 with the first broken record on `err`.
 */
export async function verifyAudit(
  config: AuditConfig,
  named: readonly string[],
  options: VerifyOptions,
  { out, err }: Output,
): Promise<0 | 1> {
  const files = named.length > 0 ? named : await configuredFiles(config)
  const { records, first, last, broken } = await verifyFiles(files, createAuditKeys(config.key), options)
  if (broken !== null) {
    err.write(`${broken.file}:${broken.line}  ${broken.problem}\n`)
    err.write(`${records} records before it are whole.\n`)
    return 1
  }
  if (first === null || last === null) {
    err.write('There is no record.\n')
    return 1
  }
  out.write(`The chain is whole: ${records} records, ${first.seq} to ${last.seq}.\n`)
  out.write(
    `It ends in ${last.hash}; compare with what was noted, because a chain cannot show that its end is missing.\n`,
  )
  if (config.key === null) out.write('It was checked without a key: it shows damage, but not who wrote it.\n')
  return 0
}

async function configuredFiles(config: AuditConfig): Promise<readonly string[]> {
  if (config.sink !== 'file') throw new Error('audit.sink is not a file: name the files to verify')
  return [...(await listRotated(config.path)), config.path]
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
  if (token === '') throw new Error('give the token on standard input')
  const fingerprint = createAuditKeys(config.key).fingerprint(secret(token))
  if (fingerprint === null) throw new Error('audit.key is not set: records hold no fingerprints')
  out.write(`${fingerprint}\n`)
  return 0
}
