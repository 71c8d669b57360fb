/** What an operator reads after a mistake: what is wrong, where, what was expected, and what to do. Each is a real process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { auditKey, openFileAudit, writeRecords } from '../audit/chain.ts'
import { builtCommand } from '../kit/built.ts'
import { makeFolder, testFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'

const ring = 'invented-ring-secret-0123456789-abcdef'
/** A file that even root may not read, and a folder in which even root may make none. */
const UNREADABLE = '/proc/sys/vm/compact_memory'
const READ_ONLY = '/sys'

let folder: Folder
const silent = createServer()

beforeAll(async () => {
  folder = makeFolder()
  const write = (name: string, vault: object, audit: string | null = null): string =>
    folder.write(
      `${name}.yaml`,
      JSON.stringify({
        upstreams: { vault: { platform: 'vault', keys: [{ id: 'k1', secret: ring }], ...vault } },
        auth: { services: [{ id: 'test', key_sha256: 'ab'.repeat(32) }] },
        audit: audit === null ? { sink: 'none' } : { sink: 'file', path: audit, key: auditKey },
      }),
    )
  const path = join(folder.path, 'vault.sqlite')
  write('good', { path })
  write('wrong', { path, keys: [{ id: 'k1', secret: `another-${ring}` }] })
  write('read-only', { path: `${READ_ONLY}/vault.sqlite` })
  write('folder', { path: folder.path })
  write('far', { database_url: 'postgres://nobody:invented-password@127.0.0.1:9/none' })
  write('audited', { path }, join(folder.path, 'audit.ndjson'))
  write('audit-read-only', { path }, `${READ_ONLY}/audit.ndjson`)
  write('audit-folder', { path }, folder.path)
  write('audit-locked', { path }, join(folder.path, 'locked.ndjson'))
  write('audit-missing', { path }, join(folder.path, 'missing.ndjson'))
  folder.write(
    'clerk.yaml',
    JSON.stringify({
      upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented' } },
      auth: { services: [{ id: 'test', key_sha256: 'ab'.repeat(32) }] },
      audit: { sink: 'stdout' },
    }),
  )
  folder.write('rows.ndjson', '{"user_id":"u1","provider":"google","external_account_id":"a","token":"invented-at"}\n')
  await writeRecords(join(folder.path, 'audit.ndjson'), ['eac_1'])
  expect((await run(['vault', 'list', '--config', 'good.yaml'], { cwd: folder.path })).code).toBe(0)
  await once(silent.listen(0, '127.0.0.1'), 'listening')
})
afterAll(() => {
  silent.close()
  folder[Symbol.dispose]()
})

const named = 'Name the files of the audit, in any order.'
const records = 'Name a file of records, or - for standard input.'
const permissions = 'this user may not read and write it; correct the permissions of the file and its folder.'

/** FOLDER and PORT stand for those of this run. What is printed is the text, or begins with it where it ends in `…`. */
const mistakes: readonly [line: string, code: number, text: string][] = [
  ['serve --config nowhere.yaml', 1, 'nowhere.yaml  cannot be read: not found (named by --config)'],
  ['serve --config .', 1, '.  cannot be read: it is a directory (named by --config)'],
  [`check-config --config ${UNREADABLE}`, 1, `${UNREADABLE}  cannot be read: not permitted (named by --config)`],
  [
    'serve --config good.yaml --port PORT',
    3,
    'cannot listen on 0.0.0.0:PORT: the port is in use; choose another with --port or listen.port',
  ],
  ['serve --config read-only.yaml', 3, `The vault at ${READ_ONLY}/vault.sqlite cannot be opened: ${permissions}`],
  [
    'serve --config audit-read-only.yaml',
    3,
    `audit.path: ${READ_ONLY}/audit.ndjson cannot be used: not permitted; name a file in a folder that this user may write to`,
  ],
  [
    'serve --config audit-folder.yaml',
    3,
    'audit.path: FOLDER cannot be used: it is a directory; name a file in a folder that this user may write to',
  ],
  [
    'serve --config audit-locked.yaml',
    3,
    'audit.path: another process writes FOLDER/locked.ndjson; give each server a file of its own, or stop the other one first',
  ],
  [
    'vault list --config wrong.yaml',
    3,
    'The vault at FOLDER/vault.sqlite cannot be opened: the secret of key k1 is not…',
  ],
  ['vault list --config read-only.yaml', 3, `The vault at ${READ_ONLY}/vault.sqlite cannot be opened: ${permissions}`],
  [
    'vault status --config folder.yaml',
    3,
    'The vault at FOLDER cannot be opened: it is a folder; choose the path of a file.',
  ],
  [
    'vault rotate-keys --config far.yaml',
    3,
    'The vault at 127.0.0.1:9/none cannot be opened: nothing listens there; start the server, or correct `database_url`.',
  ],
  [
    'vault remove --user u1 --config clerk.yaml',
    1,
    'No vault is configured: no upstream has `platform: vault`. Add one, or name another --config.',
  ],
  ['vault list --upstream other --config good.yaml', 2, '--upstream: there is no vault of that name; there is: vault.'],
  ['vault copy --from vault --to vault --config good.yaml', 2, '--to: it is the same vault as --from.'],
  ['vault import nowhere.ndjson --config good.yaml', 1, `Cannot read nowhere.ndjson: not found. ${records}`],
  ['vault import rows.ndjson/x --config good.yaml', 1, `Cannot read rows.ndjson/x: not found. ${records}`],
  ['vault import . --config good.yaml', 1, `Cannot read .: it is a directory. ${records}`],
  [`vault import ${UNREADABLE} --config good.yaml`, 1, `Cannot read ${UNREADABLE}: not permitted. ${records}`],
  [
    'vault import rows.ndjson --from clerk --config good.yaml',
    2,
    'vault import: give a file, - for standard input, or --from; one of them.',
  ],
  [
    'vault import --from clerk --config good.yaml',
    2,
    '--from: no upstream has that name or platform; there is: vault.',
  ],
  ['audit verify nowhere --config audited.yaml', 1, `Cannot read nowhere: not found. ${named}`],
  ['audit verify . --config audited.yaml', 1, `Cannot read .: it is a directory. ${named}`],
  [`audit verify ${UNREADABLE} --config audited.yaml`, 1, `Cannot read ${UNREADABLE}: not permitted. ${named}`],
  ['audit verify --config audit-missing.yaml', 1, `Cannot read FOLDER/missing.ndjson: not found. ${named}`],
  [
    'audit verify --config clerk.yaml',
    2,
    'audit.sink is no file in this configuration: name the files to verify, or another --config.',
  ],
  [
    'audit fingerprint --config audited.yaml',
    2,
    'Give the token on standard input, as in: tokengraph audit fingerprint < token.txt',
  ],
  ['init nowhere/a.yaml', 3, 'nowhere/tokengraph.env cannot be written: there is no folder nowhere; make it first. …'],
  [`init ${READ_ONLY}/a.yaml`, 3, `${READ_ONLY}/tokengraph.env cannot be written: not permitted. Nothing was written.`],
  ['init good.yaml', 1, 'good.yaml is there already, and nothing was written. Name another file, or remove it first.'],
  ['init --service a/b', 2, '--service: expected 1 to 64 letters, digits and _ . -'],
  ['keys new --id a/b', 2, '--id: the id of a service has 1 to 64 letters, digits and _ . - only.'],
  ['providers show gogle', 1, 'The catalogue has no such provider; did you mean "google"?…'],
  ['health --url 127.0.0.1', 2, '--url: expected an address such as http://127.0.0.1:4000.'],
  ['serve --port 65536', 2, "error: option '--port <number>': expected a whole number from 0 to 65535.…"],
  ['schema --subgraph --introspection', 2, "error: option '--introspection' cannot be used with option '--subgraph'…"],
]

test.each(mistakes)('tokengraph %s', async (line, code, text) => {
  const port = String((silent.address() as AddressInfo).port)
  const filled = (words: string): string => words.replaceAll('FOLDER', folder.path).replaceAll('PORT', port)
  const locked = await openFileAudit(join(folder.path, 'locked.ndjson'))
  const ended = await run(filled(line).split(' '), { cwd: folder.path, input: '' })
  await locked.close()
  expect(ended.code, ended.stderr).toBe(code)
  const expected = filled(text)
  const printed = expected.endsWith('…') ? ended.stderr.slice(0, expected.length - 1) : ended.stderr.trimEnd()
  expect(printed).toBe(expected.replace(/…$/, ''))
  expect(ended.stderr).not.toMatch(/\bE[A-Z]{4,}\b|node:internal|^ +at /m)
  expect(ended.stderr).not.toContain('invented')
})

test('a platform that answers nothing is a command that waits no longer than it says', async () => {
  const port = String((silent.address() as AddressInfo).port)
  const { code, stderr } = await run(['health', '--url', `http://127.0.0.1:${port}`], { cwd: folder.path })
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `Nothing answers at http://127.0.0.1:${port}: no answer within 2 seconds. Start the server, or name its address with --url.\n`,
  })
})

test('a terminal in the place of a pipe is refused, or told what to type', async () => {
  const { path: cwd } = testFolder()
  const cli = builtCommand()
  /** `script` runs a command on a terminal of its own, whose lines end in a carriage return as well. */
  const onTerminal = async (words: string, typed: string): Promise<{ code: unknown; text: string }> => {
    const command = `${process.execPath} ${cli} ${words}`
    const child = spawn('script', ['-qec', command, '/dev/null'], { cwd, env: { PATH: process.env.PATH ?? '' } })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('Ctrl-D')) child.stdin.end(typed)
    })
    const [code] = (await once(child, 'close')) as [unknown]
    return { code, text: text.replaceAll('\r', '') }
  }
  expect(await onTerminal('vault import -', '')).toEqual({
    code: 2,
    text: 'Standard input is a terminal: pipe the records into the command, or name a file.\n',
  })
  const config = join(folder.path, 'audited.yaml')
  const asked = await onTerminal(`audit fingerprint --config ${config}`, 'invented-at\n\u0004')
  expect(asked.text).toMatch(/^Type the token, then Enter and Ctrl-D\.\n[^]*[0-9a-f]{64}\n$/)
  expect(asked.code).toBe(0)
})
