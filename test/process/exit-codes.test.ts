/** What every command exits with, as docs/operations.md says it: a real process for each row. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'

const ring = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
const services = [{ id: 'test', key_sha256: 'ab'.repeat(32) }]

interface Case {
  readonly args: readonly string[]
  readonly code: 0 | 1 | 2 | 3
  /** What is printed on either stream. */
  readonly says: RegExp
  readonly input?: string
}

/** Files that the rows name; `PORT` in an argument is a port that is taken. */
function prepare(folder: Folder): void {
  const write = (name: string, value: object): string => folder.write(name, JSON.stringify(value))
  const vaultAt = (path: string) => ({
    upstreams: { vault: { platform: 'vault', path, keys: ring } },
    auth: { services },
  })
  write('good.yaml', { ...vaultAt(join(folder.path, 'v.sqlite')), audit: { sink: 'none' } })
  write('audited.yaml', {
    ...vaultAt(join(folder.path, 'v.sqlite')),
    audit: { sink: 'file', path: join(folder.path, 'audit.ndjson'), key: 'invented-audit-key-0123456789abcdef' },
  })
  folder.write('bad.yaml', 'lisen: { port: 1 }\n')
  folder.write('text.sqlite', 'no database '.repeat(200))
  write('broken.yaml', vaultAt(join(folder.path, 'text.sqlite')))
  write('far.yaml', {
    upstreams: { vault: { platform: 'vault', database_url: 'postgres://nobody@127.0.0.1:9/none', keys: ring } },
    auth: { services },
  })
  write('clerk.yaml', {
    upstreams: {
      clerk: { platform: 'clerk', secret_key: 'sk_test_invented', base_url: 'http://127.0.0.1:9/v1' },
      vault: { platform: 'vault', path: join(folder.path, 'v.sqlite'), keys: ring },
    },
    providers: { default: 'clerk' },
    auth: { services },
  })
  folder.write('rows.ndjson', '{"user_id":"u1","provider":"google","external_account_id":"a","token":"invented-at"}\n')
  folder.write('wrong.ndjson', '{"user_id":"u1","provider":"google","external_account_id":"a"}\n')
  folder.write('forged.ndjson', '{"type":"audit","v":2,"seq":1}\n')
}

const good = ['--config', 'good.yaml']
const cases: readonly Case[] = [
  { args: ['--version'], code: 0, says: /^tokengraph / },
  { args: ['serve', '--help'], code: 0, says: /default: 4000\) \(env:\s+PORT\)/ },
  { args: ['--help'], code: 0, says: /Usage: tokengraph/ },
  { args: ['vault', 'import', '--help'], code: 0, says: /Usage: tokengraph vault import.*"user_id"/s },
  { args: ['unheard'], code: 2, says: /unknown command 'unheard'/ },
  { args: ['serve', '--unheard'], code: 2, says: /unknown option '--unheard'/ },
  { args: ['serve', '--port', 'http'], code: 2, says: /whole number from 0 to 65535/ },
  { args: ['serve', '--config', 'bad.yaml'], code: 1, says: /bad\.yaml:1:.*lisen/ },
  { args: ['serve', '--config', 'nowhere.yaml'], code: 1, says: /nowhere\.yaml.*not found/ },
  { args: ['serve', ...good, '--port', 'PORT'], code: 3, says: /the port is in use/ },
  { args: ['serve', '--config', 'broken.yaml'], code: 3, says: /text\.sqlite.*not a SQLite database/s },
  { args: ['check-config', ...good], code: 0, says: /configuration is valid/ },
  { args: ['check-config', '--config', 'bad.yaml'], code: 1, says: /lisen.*did you mean "listen"/ },
  { args: ['check-config', '--config', 'bad.yaml', '--format', 'json'], code: 1, says: /"valid":false/ },
  { args: ['check-config', '--format', 'xml'], code: 2, says: /Allowed choices are text, json/ },
  { args: ['config', 'schema'], code: 0, says: /"\$schema"/ },
  { args: ['schema'], code: 0, says: /type OAuthAccessToken/ },
  { args: ['schema', '--subgraph', '--introspection'], code: 2, says: /cannot be used with/ },
  { args: ['completion', 'bash'], code: 0, says: /complete/ },
  { args: ['completion', 'cmd'], code: 2, says: /Allowed choices are/ },
  { args: ['health', '--url', 'http://127.0.0.1:9'], code: 1, says: /Nothing answers at/ },
  { args: ['init', 'made.yaml'], code: 0, says: /tokengraph serve --config made\.yaml/ },
  { args: ['init', 'good.yaml'], code: 1, says: /is there already/ },
  {
    args: ['init', 'other/new.yaml', '--platform', 'clark'],
    code: 2,
    says: /there is no such platform.*did you mean "clerk"/,
  },
  { args: ['keys', 'new'], code: 0, says: /tgk_/ },
  { args: ['keys', 'new', '--id', 'a b'], code: 2, says: /--id: the id of a service/ },
  { args: ['providers'], code: 0, says: /google/ },
  { args: ['providers', 'show', 'google'], code: 0, says: /google/ },
  { args: ['providers', 'show', 'gogle'], code: 1, says: /did you mean/ },
  {
    args: ['audit', 'verify', 'nowhere.ndjson', ...good],
    code: 1,
    says: /^Cannot read nowhere\.ndjson: not found\. Name the files/,
  },
  { args: ['audit', 'verify', 'forged.ndjson', ...good], code: 1, says: /forged\.ndjson:1/ },
  { args: ['audit', 'verify', ...good], code: 2, says: /name the files to verify/ },
  { args: ['audit', 'fingerprint', ...good], code: 1, says: /audit\.key is not set/, input: 'invented-at' },
  {
    args: ['audit', 'fingerprint', '--config', 'audited.yaml'],
    code: 2,
    says: /the token on standard input/,
    input: '',
  },
  {
    args: ['audit', 'fingerprint', '--config', 'audited.yaml'],
    code: 0,
    says: /^[0-9a-f]{64}\n$/,
    input: 'invented-at',
  },
  { args: ['vault', 'import', 'rows.ndjson', ...good], code: 0, says: /1 record: 1 added/ },
  { args: ['vault', 'import', 'wrong.ndjson', ...good], code: 1, says: /line 1: token: is missing/ },
  { args: ['vault', 'import', 'nowhere.ndjson', ...good], code: 1, says: /Cannot read nowhere\.ndjson: not found/ },
  { args: ['vault', 'import', '.', ...good], code: 1, says: /Cannot read \.: it is a directory/ },
  { args: ['vault', 'import', ...good], code: 2, says: /give a file, - for standard input, or --from/ },
  {
    args: ['vault', 'import', 'rows.ndjson', '--dry-run', ...good],
    code: 2,
    says: /--dry-run and --client go with --from/,
  },
  { args: ['vault', 'import', '--from', 'nango', ...good], code: 2, says: /--from: no upstream/ },
  {
    args: ['vault', 'import', '--from', 'clerk', '--config', 'clerk.yaml'],
    code: 3,
    says: /could not be reached|unavailable/i,
  },
  { args: ['vault', 'list', ...good], code: 0, says: /u1 +oauth_google/ },
  { args: ['vault', 'list', ...good, '--user', ''], code: 2, says: /--user/ },
  {
    args: ['vault', 'list', ...good, '--upstream', 'volt'],
    code: 2,
    says: /--upstream: there is no vault of that name/,
  },
  { args: ['vault', 'list', '--config', 'far.yaml'], code: 3, says: /127\.0\.0\.1/ },
  { args: ['vault', 'list', '--config', 'broken.yaml'], code: 3, says: /not a SQLite database/ },
  { args: ['vault', 'status', ...good], code: 0, says: /1 account/ },
  { args: ['vault', 'rotate-keys', ...good], code: 0, says: /re-wrapped under key k1/ },
  {
    args: ['vault', 'copy', '--from', 'vault', '--to', 'volt', ...good],
    code: 2,
    says: /--upstream: there is no vault/,
  },
  { args: ['vault', 'remove', ...good], code: 2, says: /required option '--user/ },
  { args: ['vault', 'remove', '--user', 'u1', ...good], code: 0, says: /1 account removed/ },
  { args: ['vault', 'remove', '--user', 'u1', ...good], code: 1, says: /no stored account matches/ },
]

let folder: Folder
const other = createServer()
beforeAll(async () => {
  folder = makeFolder()
  prepare(folder)
  await once(other.listen(0, '127.0.0.1'), 'listening')
}, 240_000)
afterAll(() => {
  other.close()
  folder[Symbol.dispose]()
}, 240_000)

// In this order: later rows find what earlier ones wrote.
test.each(cases.map((each) => ({ ...each, typed: each.args.join(' ') })))(
  'tokengraph $typed: exit code $code',
  async ({ args, code, says, input, typed }) => {
    const port = String((other.address() as AddressInfo).port)
    const words = args.map((each) => (each === 'PORT' ? port : each))
    const ended = await run(words, { cwd: folder.path, ...(input !== undefined && { input }) })
    expect({ code: ended.code, text: ended.stdout + ended.stderr }).toEqual({
      code,
      text: expect.stringMatching(says) as string,
    })
    expect(ended.stderr, typed).not.toMatch(/^ +at |node:internal|ENOENT|EACCES|EISDIR/m)
  },
)

test('help that nobody asked for is a mistake of the command line', async () => {
  for (const args of [[], ['vault'], ['vaul'], ['vault', 'lst'], ['help', 'vaul'], ['--verbose']])
    expect(await run(args, { cwd: folder.path }), args.join(' ')).toMatchObject({ code: 2, stdout: '' })
  for (const args of [
    ['help', 'vault'],
    ['vault', '--help'],
  ])
    expect(await run(args, { cwd: folder.path }), args.join(' ')).toMatchObject({ code: 0, stderr: '' })
}, 240_000)

test('a mistake repeats no value that was given', async () => {
  const canary = 'canary-0123456789'
  for (const args of [
    ['audit', 'fingerprint', canary],
    ['vault', 'list', `--tokn=${canary}`],
    ['serve', '--port', canary],
    ['completion', canary],
    ['schema', '--federation', canary],
    ['keys', 'new', '--id', `${canary}/`],
    ['init', '--platform', canary],
    ['health', '--url', canary],
    ['vault', 'list', '--user', `${canary}\n`],
  ]) {
    const { code, stdout, stderr } = await run(args, { cwd: folder.path })
    expect(code, args.join(' ')).toBe(2)
    expect(stdout + stderr).not.toContain(canary)
    expect(stderr).not.toBe('')
  }
}, 240_000)

test('health says what answers: a server that is ready, one that is not, or something else', async () => {
  const answers: readonly [status: number, body: string, code: number, says: RegExp][] = [
    [200, '{"status":"ready"}', 0, /^ready\n$/],
    [503, '{"status":"stopping"}', 1, /^stopping\n$/],
    [200, '<html>', 1, /answers, but is no tokengraph/],
  ]
  for (const [status, body, code, says] of answers) {
    const server = createServer((_, response) => response.writeHead(status).end(body))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
    const ended = await run(['health', '--url', url], { cwd: folder.path })
    server.close()
    expect({ code: ended.code, text: ended.stdout + ended.stderr }).toEqual({
      code,
      text: expect.stringMatching(says) as string,
    })
  }
}, 240_000)

test('every command has a row, and the docs have every code', () => {
  const source = readFileSync(new URL('../../src/cli.ts', import.meta.url), 'utf8')
  const commands = [...source.matchAll(/\.command\('([a-z-]+)/g)].map(([, name = '']) => name)
  const typed = new Set(cases.flatMap(({ args }) => args))
  expect(commands.filter((name) => !typed.has(name))).toEqual([])
  const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  for (const code of [0, 1, 2, 3]) expect(docs).toMatch(new RegExp(`^\\| ${String(code)} \\| .+ \\|$`, 'm'))
}, 240_000)
