/** A half-configured server refuses to start and says why: one message, no stack. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'

const ring = 'invented-ring-secret-0123456789-abcdef'

function vaultFile(folder: Folder, keys: object[], path = join(folder.path, 'vault.sqlite')): string {
  return folder.write(
    'tokengraph.yaml',
    JSON.stringify({
      upstreams: { vault: { platform: 'vault', path, keys } },
      auth: { services: [{ id: 'test', key_sha256: 'ab'.repeat(32) }] },
    }),
  )
}

async function refusal(folder: Folder, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await run(args, { cwd: folder.path, env })
  // `exit-codes.test.ts` has which.
  expect([1, 2, 3]).toContain(code)
  // The audit of a run that got as far says that it began and ended.
  const others = stdout.split('\n').filter((line) => !/^(\{"type":"audit".*"event":"(start|end)".*\})?$/.test(line))
  expect(others).toEqual([])
  expect(stderr).not.toMatch(/^[ \t]+at /m)
  return stderr
}

it('names the port that is in use', async () => {
  using folder = makeFolder()
  const other = createServer()
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as AddressInfo
  expect(await refusal(folder, ['serve', '--port', String(port)])).toContain(
    `127.0.0.1:${String(port)}: the port is in use`,
  )
  other.close()
})

it('names the configuration file that is missing', async () => {
  using folder = makeFolder()
  expect(await refusal(folder, ['serve', '--config', 'nowhere.yaml'])).toContain('nowhere.yaml')
})

it('names every mistake of a file at once', async () => {
  using folder = makeFolder()
  const file = folder.write('bad.yaml', 'lisen: { port: 1 }\nmode: prod\nupstreams:\n  c: { platform: clark }\n')
  const message = await refusal(folder, ['serve', '--config', file])
  expect(message).toMatch(/:1:.*lisen.*did you mean "listen"/)
  expect(message).toMatch(/:2:.*mode/)
  expect(message).toMatch(/:4:.*did you mean "clerk"/)
})

it('names the vault whose key is wrong, whose file is not a database, or whose folder cannot be made', async () => {
  using folder = makeFolder()
  const good = vaultFile(folder, [{ id: 'k1', secret: ring }])
  expect((await run(['vault', 'list', '--config', good], { cwd: folder.path })).code).toBe(0)
  const wrong = vaultFile(folder, [{ id: 'k1', secret: `${ring}-wrong` }])
  const wrongKey = await refusal(folder, ['serve', '--config', wrong, '--port', '0'])
  expect(wrongKey).toContain('k1')
  expect(wrongKey).toContain('vault.sqlite')
  expect(wrongKey).not.toContain(ring)

  const text = folder.write(
    'text.sqlite',
    'this is a text, and not a database, of more than one hundred bytes '.repeat(3),
  )
  const noDatabase = vaultFile(folder, [{ id: 'k1', secret: ring }], text)
  expect(await refusal(folder, ['serve', '--config', noDatabase, '--port', '0'])).toContain('not a SQLite database')

  const inside = vaultFile(folder, [{ id: 'k1', secret: ring }], join(text, 'vault.sqlite'))
  expect(await refusal(folder, ['serve', '--config', inside, '--port', '0'])).toContain('text.sqlite')
})

it('names the argument that is wrong', async () => {
  using folder = makeFolder()
  expect(await refusal(folder, ['serve', '--port', 'http'])).toContain('--port')
  expect(await refusal(folder, ['serve', '--prot', '1'])).toContain("unknown option '--prot'")
  expect(await refusal(folder, ['vault', 'import'])).toContain('file')
  expect(await refusal(folder, ['vault', 'import', 'nowhere.json'])).toContain('nowhere.json')
  expect(await refusal(folder, ['vault', 'list', '--provider', 'oauth_'])).toContain('--provider')
})
