import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { platforms } from '../../src/upstreams/registry.ts'
import { reveal } from '../../src/lib/secret.ts'
import type { Secret } from '../../src/lib/secret.ts'
import { clerkKey, configErrorOf, fullSample, env, hash, load, minimal, vaultKey, writeConfig } from './sample.ts'

function everyObject(value: unknown): object[] {
  if (value === null || typeof value !== 'object') return []
  return [value, ...Object.values(value).flatMap(everyObject)]
}

describe('a valid file', () => {
  it('reads the sample as it is written', () => {
    const config = load(fullSample)
    expect(config).toMatchObject({
      mode: 'production',
      source: 'file',
      listen: { host: '0.0.0.0', port: 4000 },
      providers: {
        routes: {
          oauth_google: { upstream: 'clerk', as: null },
          oauth_salesforce: { upstream: 'vault', as: 'salesforce' },
        },
        default: 'clerk',
      },
      auth: {
        issuers: [{ issuer: 'https://id.example.com', audience: 'tokengraph', algorithms: ['ES256'] }],
        services: [
          {
            id: 'calendar-sync',
            key_sha256: hash,
            grants: [{ providers: ['oauth_google'], fields: ['token'], users: ['*'] }],
            schema: true,
          },
        ],
        owner: { fields: ['token', 'token_secret', 'id_token'] },
      },
      drain_seconds: 10,
      log: { level: 'info' },
    })
    expect(config.upstreams.map(({ name, platform }) => [name, platform])).toEqual([
      ['clerk', 'clerk'],
      ['vault', 'vault'],
    ])
  })

  it('hands every upstream the options that the schema of its platform parsed', () => {
    const [clerk, vault] = load(fullSample).upstreams
    const clerkOptions = clerk!.options as { secret_key: Secret; base_url: string; concurrency: number }
    const vaultOptions = vault!.options as { keys: { id: string; secret: Secret }[] }
    expect(reveal(clerkOptions.secret_key)).toBe(clerkKey)
    expect(clerkOptions.concurrency).toBe(50)
    expect(clerkOptions).not.toHaveProperty('platform')
    expect(reveal(vaultOptions.keys[0]!.secret)).toBe(vaultKey)
  })

  it('is frozen at every depth, defaults included', () => {
    for (const text of [fullSample, minimal]) {
      const objects = everyObject(load(text))
      expect(objects.length).toBeGreaterThan(10)
      expect(objects.filter((object) => !Object.isFrozen(object))).toEqual([])
    }
  })

  it('never prints a secret', () => {
    const config = load(fullSample)
    for (const text of [
      inspect(config, { depth: null, showHidden: true }),
      JSON.stringify(config),
      stringify(config, (_, value: unknown) => (typeof value === 'function' ? undefined : value)),
    ]) {
      expect(text).not.toContain(clerkKey)
      expect(text).not.toContain(vaultKey)
    }
    expect(JSON.stringify(config)).toContain('[redacted]')
  })

  it('serves every provider by the only upstream when no provider has a line', () => {
    expect(load(minimal).providers).toEqual({ routes: {}, default: 'clerk' })
    expect(load(`${minimal}providers: { google: clerk }\n`).providers).toEqual({
      routes: { oauth_google: { upstream: 'clerk', as: null } },
      default: null,
    })
  })

  it('uses one name for a provider with and without oauth_, in routes and in grants', () => {
    const grants = '[ { providers: [google, oauth_google, "*"], fields: ["*"] } ]'
    const text = minimal.replace(`${hash} }`, `${hash}, grants: ${grants} }`)
    expect(load(text).auth.services[0]!.grants[0]).toEqual({
      providers: ['oauth_google', '*'],
      fields: ['*'],
      users: ['*'],
      connect: false,
    })
  })

  it('follows anchors and aliases', () => {
    const text = minimal.replace('{ platform', '&base { platform').replace('auth:', '  second: *base\nauth:')
    expect(load(`${text}providers: { default: second }\n`).upstreams.map(({ name }) => name)).toEqual([
      'clerk',
      'second',
    ])
  })

  it('takes a platform that only the given registry has', () => {
    const text = minimal.replace('platform: clerk', 'platform: other')
    const known = Object.keys(platforms).map((name) => `"${name}"`)
    expect(configErrorOf(() => load(text)).message).toContain(`expected one of ${known.join(', ')}`)
    const registry = { ...platforms, other: platforms.clerk }
    expect(loadConfig({ file: writeConfig(text), env }, registry).upstreams[0]!.platform).toBe('other')
  })
})
