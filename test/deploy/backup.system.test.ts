/** The commands of docs/operating.md on a real vault, and what is true after them. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { vault } from '../../src/upstreams/vault/index.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { readPage } from '../docs/pages.ts'
import { builtCommand } from '../kit/built.ts'
import { testFolder } from '../kit/folder.ts'
import { startTokenServer } from '../servers/token-server.ts'
import { configured, connect, openReaderOf } from '../vault/refresh/scene.ts'

/** The command block of the page that has the text in it. */
function commandWith(text: string): string {
  const found = readPage('docs/operating.md').blocks.filter((block) => block.text.includes(text))
  expect(found).toHaveLength(1)
  return found[0]?.text ?? ''
}

it('a copy of a vault in use restores, and brings back what the page says', async () => {
  const server = await startTokenServer()
  onTestFinished(() => server.stop())
  const folder = testFolder()
  const options = { ...configured(server), path: join(folder.path, 'data/vault.sqlite') }
  const services = [{ id: 'backend', key_sha256: newServiceKey().key_sha256, grants: [{ providers: ['*'] }] }]
  const upstreams = { vault: { platform: 'vault', ...options } }
  folder.write('tokengraph.yaml', JSON.stringify({ upstreams, auth: { services } }))
  const bin = join(folder.path, 'bin')
  mkdirSync(bin)
  const cli = builtCommand()
  chmodSync(folder.write('bin/tokengraph', `#!/bin/bash\nexec node "${cli}" "$@"\n`), 0o700)
  const path = [bin, dirname(process.execPath), process.env.PATH].join(delimiter)
  const shell = (script: string): string =>
    execFileSync('sh', ['-euc', script], {
      cwd: folder.path,
      encoding: 'utf8',
      env: { PATH: path },
    })

  const store = await openStore(vault.options.parse(options))
  const reader = openReaderOf(options)
  const later = Math.floor(Date.now() / 1000) + 7200
  const kept = await connect(store, server, 'kept', later)
  await connect(store, server, 'rotated')
  await connect(store, server, 'removed', later)
  // In use: its last changes are in the write-ahead log alone.
  expect(statSync(`${options.path}-wal`).size).toBeGreaterThan(0)
  shell(commandWith('VACUUM INTO ?'))
  expect(statSync(join(folder.path, 'vault-copy.sqlite')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(folder.path, 'vault-copy.sqlite'), 'latin1')).not.toContain(kept.accessToken)

  expect((await reader.read('rotated')).problem).toBeNull()
  await connect(store, server, 'connected', later)
  shell('tokengraph vault remove --user removed --provider acme --config tokengraph.yaml')
  await expect(reader.read('removed')).rejects.toThrow('there is no account')
  await reader.close()
  await store.close()

  expect(shell(commandWith('cp vault-copy.sqlite'))).toContain('3 accounts')
  expect(statSync(options.path).mode & 0o777).toBe(0o600)
  const restored = openReaderOf(options)
  onTestFinished(() => restored.close())
  expect(await restored.read('kept')).toMatchObject({ token: kept.accessToken, problem: null })
  expect(await restored.read('removed')).toMatchObject({ problem: null })
  await expect(restored.read('connected')).rejects.toThrow('there is no account')
  expect(await restored.read('rotated')).toMatchObject({ problem: 'REAUTHORIZATION_REQUIRED' })
})
