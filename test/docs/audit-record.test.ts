/** Compares the record that docs/audit.md shows with a real one: the same members in the same order. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { auditKey } from '../audit/chain.ts'
import { makeFolder } from '../kit/folder.ts'
import { startTestServer } from '../kit/server.ts'
import { blocksOf } from './pages.ts'

it('is the record of an operation', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const vault = {
    platform: 'vault',
    path: join(folder.path, 'vault.sqlite'),
    keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
  }
  {
    await using server = await startTestServer({
      file: { upstreams: { vault }, audit: { sink: 'file', path, key: auditKey } },
    })
    await server.ask('{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }', { bearer: null })
  }
  const written = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .find(({ event }) => event === 'operation')
  const shown = blocksOf('json')
    .filter(({ page }) => page.file === 'docs/audit.md')
    .map(({ block }) => JSON.parse(block.text) as Record<string, unknown>)
  expect(shown.map((record) => Object.keys(record))).toEqual([Object.keys(written ?? {})])
})
