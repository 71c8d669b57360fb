import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { checkConfig } from '../../src/commands/check-config.ts'
import type { Format } from '../../src/commands/terminal.ts'
import { captureOutput } from '../kit/output.ts'
import { clerkKey, fullSample, env, hash, vaultKey, writeConfig } from './sample.ts'

async function run(file: string | null, variables: NodeJS.ProcessEnv = env, format: Format = 'text') {
  const output = captureOutput()
  const code = await checkConfig({ file, env: variables, format }, output)
  return { code, out: output.out.text(), err: output.err.text() }
}

describe('check-config', () => {
  it('prints every value that took effect, as YAML, without secrets and key hashes', async () => {
    const { code, out, err } = await run(writeConfig(fullSample))
    expect([code, err]).toEqual([0, ''])
    expect(parse(out)).toMatchObject({
      mode: 'production',
      source: 'file',
      listen: { host: '0.0.0.0', port: 4000 },
      upstreams: [
        {
          name: 'clerk',
          platform: 'clerk',
          options: { secret_key: '[redacted]', base_url: 'https://api.clerk.com/v1' },
        },
        { name: 'vault', platform: 'vault', options: { keys: [{ id: 'k1', secret: '[redacted]' }] } },
      ],
      providers: { routes: { oauth_google: { upstream: 'clerk', as: null } }, default: 'clerk' },
      auth: { services: [{ id: 'calendar-sync', grants: [{ providers: ['oauth_google'], fields: ['token'] }] }] },
      drain_seconds: 10,
      log: { level: 'info' },
    })
    for (const hidden of [clerkKey, vaultKey, hash]) expect(out).not.toContain(hidden)
  })

  it('works without a file', async () => {
    const { code, out } = await run(null, { CLERK_SECRET_KEY: clerkKey })
    expect(code).toBe(0)
    expect(parse(out)).toMatchObject({ mode: 'development', source: 'environment' })
    expect(out).not.toContain(clerkKey)
  })

  it('prints every problem on err and nothing on out', async () => {
    const file = writeConfig('mode: prod\nlisten: { port: x }\n')
    const { code, out, err } = await run(file)
    expect([code, out]).toEqual([1, ''])
    expect(err.split('\n').filter((line) => line.startsWith(`${file}:`))).toHaveLength(2)
    expect(err).toContain(`${file}:2:17  listen.port  expected a whole number from 0 to 65535, got a string\n`)
  })

  it('prints the same as one JSON object', async () => {
    const whole = await run(writeConfig(fullSample), env, 'json')
    expect([whole.code, whole.err]).toEqual([0, ''])
    expect(JSON.parse(whole.out)).toMatchObject({
      valid: true,
      problems: [],
      warnings: [],
      config: { mode: 'production' },
    })
    for (const hidden of [clerkKey, vaultKey, hash]) expect(whole.out).not.toContain(hidden)
    const file = writeConfig('mode: prod\nlisten: { port: x }\n')
    const broken = await run(file, env, 'json')
    expect([broken.code, broken.err]).toEqual([1, ''])
    expect(JSON.parse(broken.out)).toMatchObject({
      ...{ valid: false, config: null },
      problems: [
        { where: file, path: 'mode', line: 1 },
        {
          where: file,
          path: 'listen.port',
          line: 2,
          column: 17,
          message: 'expected a whole number from 0 to 65535, got a string',
        },
      ],
    })
  })

  it('warns of rights that give nothing, and starts with them', async () => {
    const text = `
upstreams: { clerk: { platform: clerk, secret_key: '${clerkKey}' } }
providers: { google: clerk }
audit: { sink: none }
auth:
  services:
    - { id: idle, key_sha256: ${hash} }
    - id: odd
      key_sha256: ${hash.replace(/^./, '7')}
      grants:
        - { providers: [oauth_google, github], connect: true }
        - { providers: ['*'], users: ['*_x', 'a_*'], expires_at: '2020-01-01T00:00:00Z' }
`
    const { code, err } = await run(writeConfig(text))
    expect(code, err).toBe(0)
    expect(err.trim().split('\n')).toEqual([
      'warning: auth.services[idle]: has no grant and may not read the schema: it may nothing',
      'warning: auth.services[odd].grants[0].providers: no upstream serves oauth_github',
      'warning: auth.services[odd].grants[0].connect: no vault has `connect`',
      'warning: auth.services[odd].grants[1].users: *_x is one user of this name; only an entry that ends in * is a prefix',
      'warning: auth.services[odd].grants[1].expires_at: the grant has ended',
    ])
  })

  it('opens no database', async () => {
    const file = writeConfig(fullSample.replace('./data/tokengraph.sqlite', '/proc/no/such/folder/vault.sqlite'))
    expect((await run(file)).code).toBe(0)
  })
})
