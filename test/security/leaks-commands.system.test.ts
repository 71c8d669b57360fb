/** docs/promises.md S7 for the command line: what it prints of good and bad input, and what it leaves on disk. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkConfig } from '../../src/commands/check-config.ts'
import { findLeaks, findLeaksBelow } from '../kit/find-leaks.ts'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { captureOutput } from '../kit/output.ts'
import { run } from '../kit/process.ts'
import { makeCanaries } from './leaks.ts'

type Canaries = ReturnType<typeof makeCanaries>

interface Setting {
  readonly folder: Folder
  readonly canaries: Canaries
  /** The configuration, whose secrets come from the environment. */
  readonly config: string
}

function configWith(secrets: { readonly ring: string; readonly clerk: string }, path: string, audit: string) {
  return {
    mode: 'development',
    upstreams: {
      clerk: { platform: 'clerk', secret_key: secrets.clerk },
      vault: { platform: 'vault', path, keys: [{ id: 'k1', secret: secrets.ring }] },
    },
    providers: { oauth_x: 'vault', default: 'clerk' },
    audit: { sink: 'file', path: `${path}.audit`, key: audit },
  }
}

/** Runs the command, and gives what leaked into its output and into the database and the files beside it. */
async function leaksOf({ folder, canaries }: Setting, args: readonly string[], input?: string) {
  const env = { RING: canaries.ringSecret, CLERK: canaries.clerkKey, AUDIT: canaries.auditKey }
  const ended = await run(args, { cwd: folder.path, env, ...(input !== undefined && { input }) })
  const printed = `${ended.stdout}\n${ended.stderr}`
  const data = join(folder.path, 'data')
  const onDisk = existsSync(data) ? findLeaksBelow(data, canaries.all) : []
  return { ...ended, leaks: [...findLeaks(args.join(' '), printed, canaries.all), ...onDisk] }
}

function setUp(folder: Folder): Setting {
  const text = configWith({ ring: '${RING}', clerk: '${CLERK}' }, join(folder.path, 'data', 'v.sqlite'), '${AUDIT}')
  return { folder, canaries: makeCanaries(), config: folder.write('tokengraph.yaml', JSON.stringify(text)) }
}

it('imports, lists, rotates and removes without showing or leaving a secret', async () => {
  using folder = makeFolder()
  const setting = setUp(folder)
  const { canaries, config } = setting
  const record = {
    user_id: 'user_1',
    provider: 'oauth_x',
    external_account_id: 'eac_x',
    token: canaries.vaultToken,
    token_secret: canaries.vaultTokenSecret,
    id_token: canaries.vaultIdToken,
  }
  for (const args of [
    ['check-config', '--config', config],
    ['vault', 'import', '-', '--config', config],
    ['vault', 'list', '--config', config],
    ['vault', 'list', '--json', '--config', config],
    ['vault', 'rotate-keys', '--config', config],
    ['vault', 'remove', '--user', 'user_1', '--config', config],
  ]) {
    const { code, leaks, stderr } = await leaksOf(setting, args, JSON.stringify([record]))
    expect(leaks, args.join(' ')).toEqual([])
    expect(code, stderr).toBe(0)
  }
})

it.each<[string, (canary: string) => string]>([
  ['text that is no JSON', (canary) => `[{"user_id":"user_1","token":"${canary}"`],
  ['a token that is a number of lines', (canary) => JSON.stringify([{ token: [canary] }])],
  ['a user id that is a token', (canary) => JSON.stringify([{ user_id: `${canary} `, provider: 'x', token: canary }])],
  ['a key that is a token', (canary) => JSON.stringify([{ [canary]: canary }])],
  ['a line that is a token', (canary) => `{"user_id":"user_1"}\n${canary}\n`],
  ['the same account twice', (canary) => JSON.stringify(Array(2).fill(accountOf(canary)))],
])('refuses to import %s without repeating it', async (_what, make) => {
  using folder = makeFolder()
  const setting = setUp(folder)
  const { code, leaks, stderr } = await leaksOf(
    setting,
    ['vault', 'import', '-', '--config', setting.config],
    make(longCanary(setting.canaries)),
  )
  expect({ code, leaks }).toEqual({ code: 1, leaks: [] })
  expect(stderr).not.toBe('')
})

/** As long as the secrets of platforms are: names of up to 40 characters are shown, so that a typo can be found. */
function longCanary(canaries: Canaries): string {
  return `sk_live_${canaries.fresh()}${canaries.fresh()}`
}

function accountOf(token: string) {
  return { user_id: 'user_1', provider: 'oauth_x', external_account_id: 'eac_x', token }
}

it.each<[string, (text: string, canary: string) => string]>([
  ['as a key', (text, canary) => text.replace('"mode"', `"${canary}": 1, "mode"`)],
  ['as a mode', (text, canary) => text.replace('development', canary)],
  ['as a platform', (text, canary) => text.replace('"platform":"clerk"', `"platform":"${canary}"`)],
  ['as the name of a variable', (text, canary) => text.replace('${CLERK}', `\${${canary}}`)],
  ['as a number of keys', (text, canary) => text.replace('[{"id":"k1"', `["${canary}",{"id":"k1"`)],
  ['in broken YAML', (text, canary) => `${text}\n  ]: ${canary}: [`],
])('explains a configuration with a secret %s without repeating it', async (_where, touch) => {
  using folder = makeFolder()
  const setting = setUp(folder)
  const text = readFileSync(setting.config, 'utf8')
  writeFileSync(setting.config, touch(text, longCanary(setting.canaries)))
  const env = { RING: setting.canaries.ringSecret, CLERK: setting.canaries.clerkKey, AUDIT: setting.canaries.auditKey }
  // `check-config` prints the same error: here, because a process of its own takes half a second.
  const checked = captureOutput()
  expect(await checkConfig({ file: setting.config, env }, checked)).toBe(1)
  const served = await run(['serve', '--port', '0', '--config', setting.config], { cwd: folder.path, env })
  expect(served.code).toBe(1)
  for (const printed of [checked.out.text() + checked.err.text(), served.stdout + served.stderr]) {
    expect(printed).not.toBe('')
    expect(findLeaks('output', printed, setting.canaries.all)).toEqual([])
  }
})

it('says that a vault or an audit has another key without showing either', async () => {
  using folder = makeFolder()
  const setting = setUp(folder)
  const records = JSON.stringify([accountOf(setting.canaries.vaultToken)])
  expect((await leaksOf(setting, ['vault', 'import', '-', '--config', setting.config], records)).code).toBe(0)
  const other = { ...setting, canaries: makeCanaries() }
  other.canaries.all.push(...setting.canaries.all)
  for (const args of [
    ['vault', 'list', '--config', setting.config],
    ['serve', '--port', '0', '--config', setting.config],
  ])
    expect(await leaksOf(other, args)).toMatchObject({ code: 3, leaks: [] })
})
