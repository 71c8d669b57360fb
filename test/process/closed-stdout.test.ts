/** `tokengraph schema | head`: a reader that closes the pipe early is no failure, and stops no work that is left. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { auditKey, writeRecords } from '../audit/chain.ts'
import { builtCommand } from '../kit/built.ts'
import { testFolder } from '../kit/folder.ts'
import { run, start } from '../kit/process.ts'

const cli = builtCommand()
/** More lines than a pipe takes, which is 64 KiB, even for `vault list`. */
const ACCOUNTS = 2000
const config = '--config tokengraph.yaml'

/** A vault with accounts, an audit with records, and a configuration that names both. */
async function setUp() {
  const folder = testFolder()
  folder.write(
    'tokengraph.yaml',
    JSON.stringify({
      listen: { host: '127.0.0.1', port: 0 },
      upstreams: {
        vault: {
          platform: 'vault',
          path: join(folder.path, 'vault.sqlite'),
          keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
        },
      },
      auth: {
        services: [{ id: 'test', key_sha256: 'ab'.repeat(32), grants: [{ providers: ['*'], fields: ['token'] }] }],
      },
      audit: { sink: 'file', path: join(folder.path, 'audit.ndjson'), key: auditKey },
      unready_seconds: 0,
    }),
  )
  const { path: cwd } = folder
  const lines = Array.from({ length: ACCOUNTS }, (_, n) =>
    JSON.stringify({ user_id: `u${String(n)}`, provider: 'google', external_account_id: 'a', token: 'invented-at' }),
  )
  const imported = await run(['vault', 'import', '-', ...config.split(' ')], { cwd, input: lines.join('\n') })
  expect(imported.code).toBe(0)
  await writeRecords(join(cwd, 'audit.ndjson'), ['eac_1', 'eac_2'])
  return { cwd }
}

const commands: readonly (readonly [command: string, input?: string])[] = [
  ['schema'],
  ['schema --subgraph'],
  ['schema --introspection'],
  ['config schema'],
  ['keys new'],
  ['init new.yaml'],
  [`check-config ${config}`],
  [`check-config ${config} --format json`],
  ['completion bash'],
  ['completion zsh'],
  ['completion fish'],
  ['providers'],
  ['providers --json'],
  ['providers show google'],
  [`audit verify ${config}`],
  [`audit verify ${config} --format json`],
  [`audit fingerprint ${config}`, 'invented-at'],
  [`vault list ${config}`],
  [`vault list ${config} --json`],
  [`vault status ${config}`],
  [`vault rotate-keys ${config}`],
  [`vault remove --user u1 ${config}`],
  [`vault import - ${config}`, '[]'],
  ['--help'],
  ['vault --help'],
  ['--version'],
]

it('every command that prints ends quietly, whether nothing of it is read or the first line', async () => {
  const { cwd } = await setUp()
  for (const [command, input = ''] of commands) {
    await using started = start(command.split(' '), { cwd, input })
    // Closed long before the command prints, so that its first write fails with EPIPE.
    started.child.stdout?.destroy()
    expect(await started.ended, command).toEqual({ code: 0, stdout: '', stderr: '' })
    if (command.startsWith('init')) continue
    const again = command.replace('--user u1', '--user u2')
    const shell = `"$0" "$1" ${again} | head -n 1; exit "\${PIPESTATUS[0]}"`
    const child = spawn('bash', ['--norc', '-c', shell, process.execPath, cli], {
      cwd,
      env: { PATH: process.env.PATH ?? '' },
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdin.end(input)
    const [code] = (await once(child, 'close')) as [number]
    expect({ code, stderr }, command).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').length, command).toBe(2)
  }
}, 240_000)

it('the code says what the command found, not that nobody read it', async () => {
  const { path: cwd } = testFolder()
  await using started = start(['check-config', '--config', 'nowhere.yaml', '--format', 'json'], { cwd })
  started.child.stdout?.destroy()
  expect((await started.ended).code).toBe(1)
}, 240_000)

it('output that cannot be written for another reason is a failure', async () => {
  const { path: cwd } = testFolder()
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [cli, 'schema'], { cwd, stdio: ['ignore', full, 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  expect(await once(child, 'close')).toEqual([3, null])
  expect(stderr).toBe('Standard output cannot be written: the disk is full.\n')
}, 240_000)
