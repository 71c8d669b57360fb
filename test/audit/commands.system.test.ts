/** `tokengraph audit`, and the `audit` part of the configuration. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { createAuditKeys } from '../../src/audit/record.ts'
import { secret } from '../../src/lib/secret.ts'
import { loadConfig } from '../../src/config/load.ts'
import { load, minimal, problemsOf } from '../config/sample.ts'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'
import { auditKey, writeRecords } from './chain.ts'
import { auditPath } from './graph.ts'

const accounts = Array.from({ length: 12 }, (_, n) => `eac_${String(n)}`)

function writeConfig(folder: Folder, audit: object): string {
  return folder.write('audit.yaml', JSON.stringify({ mode: 'development', audit }))
}

it('verifies the configured file and its rotated files, and names the first broken record', async () => {
  using folder = makeFolder()
  const path = auditPath(folder)
  const config = writeConfig(folder, { sink: 'file', path, key: auditKey })
  await writeRecords(path, accounts, { max_bytes: 2500 })
  const verify = (...args: string[]) => run(['audit', 'verify', '--config', config, ...args], { cwd: folder.path })

  const whole = await verify()
  expect(whole).toMatchObject({ code: 0, stderr: '' })
  expect(whole.stdout).toMatch(/^The chain is whole: 12 records, 1 to 12\.\nIt ends in [0-9a-f]{64}; /)

  const asJson = await verify('--format', 'json')
  expect(asJson).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(asJson.stdout)).toEqual({
    ...{ whole: true, records: 12, first_seq: 1, last_seq: 12, keyed: true, broken: null, runs: null },
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
  })

  writeFileSync(path, readFileSync(path, 'utf8').replace('"allowed"', '"denied"'))
  const broken = await verify()
  expect(broken).toMatchObject({ code: 1, stdout: '' })
  expect(broken.stderr).toMatch(/audit\.ndjson:1 {2}this record was changed.*\n\d+ records before it are whole\.\n$/)
  const brokenJson = await verify('--format', 'json')
  expect(brokenJson).toMatchObject({ code: 1, stderr: '' })
  expect(JSON.parse(brokenJson.stdout)).toMatchObject({ whole: false, broken: { line: 1 } })
  const empty = folder.write('empty', '')
  expect(await verify(empty)).toMatchObject({ code: 1, stderr: `There is no record in ${empty}.\n` })
  expect(await verify('nowhere')).toMatchObject({ code: 1, stdout: '' })
})

it('prints the fingerprint of a token from standard input, and requires a key', async () => {
  using folder = makeFolder()
  const config = writeConfig(folder, { sink: 'stdout', key: auditKey })
  const expected = createAuditKeys(secret(auditKey)).fingerprint(secret('invented-token-1'))
  const options = { cwd: folder.path, input: 'invented-token-1\n' }
  expect(await run(['audit', 'fingerprint', '--config', config], options)).toEqual({
    code: 0,
    stdout: `${String(expected)}\n`,
    stderr: '',
  })
  const without = writeConfig(folder, { sink: 'stdout' })
  expect(await run(['audit', 'fingerprint', '--config', without], options)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('audit.key is not set, so that records hold no fingerprints.') as string,
  })
})

it('is on in production, off in development, and refuses a file without a key', () => {
  expect(load(minimal).audit).toEqual({ sink: 'stdout', key: null, head_path: null })
  expect(loadConfig({ env: {} }).audit).toEqual({ sink: 'none', key: null })
  expect(problemsOf(`${minimal}audit: { sink: file }\n`)).toEqual([
    '5:1 audit.key: missing; a file is only worth something when its records cannot be forged',
  ])
  expect(problemsOf(`${minimal}audit: { sink: file, key: short }\n`)).toEqual([
    expect.stringContaining('audit.key: expected a string of at least 32 characters'),
  ])
})

it('the server does not start when the chain of the file cannot be continued', async () => {
  using folder = makeFolder()
  const path = auditPath(folder)
  await writeRecords(path, accounts)
  const config = writeConfig(folder, { sink: 'file', path, key: 'another-invented-audit-key-0123456789' })
  const { code, stderr, stdout } = await run(['serve', '--config', config, '--port', '0'], { cwd: folder.path })
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
  expect(stderr).toContain('audit.key')
})
