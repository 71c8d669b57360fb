import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { createIdentify } from './support.ts'
import { compileGrants } from '../../src/auth/policy.ts'
import { startIssuer } from '../servers/jwks.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { auth } from './support.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const service = (id: string, key: string) => ({ id, key_sha256: sha256(key) })

describe('the Authorization header', () => {
  const identify = createIdentify(auth({ services: [service('calendar-sync', 'invented-key-1')] }))

  it('is optional: without one the viewer is anonymous', async () => {
    expect(await identify(null)).toEqual({ kind: 'anonymous' })
  })

  it.each(['Bearer invented-key-1', 'bearer invented-key-1', 'BEARER invented-key-1', 'Bearer   invented-key-1'])(
    'takes the scheme in any case: %s',
    async (header) => {
      expect(await identify(header)).toMatchObject({ kind: 'service', id: 'calendar-sync' })
    },
  )

  it.each([
    '',
    ' ',
    'Bearer',
    'Bearer ',
    'Bearer\tinvented-key-1',
    'invented-key-1',
    'Basic aW52ZW50ZWQ6a2V5',
    'Token invented-key-1',
    'DPoP invented-key-1',
    'BearerX invented-key-1',
    'Bearer: invented-key-1',
    'Bearer invented-key-1 ',
    'Bearer invented-key-1 invented-key-1',
    'Bearer invented-key-1, Bearer invented-key-1',
    'Bearer "invented-key-1"',
    'Bearer invented-key-1\n',
    'Bearer invented-key-1\0',
    'Bearer invented-kéy-1',
    'Bearer =invented-key-1',
    'Bearer invented-key-2',
  ])('is refused and never falls back to anonymous: %j', async (header) => {
    const error = await failureOf(identify(header))
    expect(error.code).toBe('UNAUTHENTICATED')
    expect(error.message).toBe('No valid credentials were presented.')
    expect(error.cause).toBeInstanceOf(Error)
    expect(everythingOf(error)).not.toContain('invented')
  })

  it('holds a credential of at most 16 KiB', async () => {
    const longest = 'k'.repeat(16 * 1024)
    const both = createIdentify(auth({ services: [service('a', longest), service('b', `${longest}k`)] }))
    expect(await both(`Bearer ${longest}`)).toMatchObject({ id: 'a' })
    expect((await failureOf(both(`Bearer ${longest}k`))).code).toBe('UNAUTHENTICATED')
    expect((await failureOf(both(`Bearer ${' '.repeat(1_000_000)}${longest}`))).code).toBe('UNAUTHENTICATED')
  })
})

describe('a service key', () => {
  const keys = Array.from({ length: 5 }, newServiceKey)
  const services = keys.map(({ key_sha256 }, index) => ({
    id: `service-${String(index)}`,
    key_sha256,
    schema: index === 1,
    grants: [{ providers: [`oauth_p${String(index)}`] }],
  }))
  const options = auth({ services })
  const identify = createIdentify(options)

  it('is random, long and has the documented form', () => {
    expect(new Set(keys.map(({ key }) => key)).size).toBe(5)
    for (const { key, key_sha256 } of keys) {
      expect(key).toMatch(/^tgk_[A-Za-z0-9_-]{43}$/)
      expect(key_sha256).toBe(sha256(key))
    }
  })

  it('identifies its service at any position of the list', async () => {
    for (const [index, { key }] of keys.entries())
      expect(await identify(`Bearer ${key}`)).toEqual({
        kind: 'service',
        id: `service-${String(index)}`,
        schema: index === 1,
        grants: compileGrants(options.services[index]!.grants),
      })
  })

  it('has its grants compiled once: every request gets the same list', async () => {
    const [first, second] = await Promise.all([identify(`Bearer ${keys[0]!.key}`), identify(`Bearer ${keys[0]!.key}`)])
    expect(first).toMatchObject({ grants: [{ providers: new Set(['p0']) }] })
    expect(first.kind === 'service' && first.grants).toBe(second.kind === 'service' && second.grants)
  })

  it('is refused when it is shorter, longer, in another case, or the hash itself', async () => {
    const { key, key_sha256 } = keys[0]!
    for (const wrong of [key.slice(0, -1), `${key}x`, key.toUpperCase(), key_sha256, key.slice(4), 'tgk_', 't'])
      expect((await failureOf(identify(`Bearer ${wrong}`))).code).toBe('UNAUTHENTICATED')
  })

  it('is refused when no service is configured', async () => {
    expect((await failureOf(createIdentify(auth())(`Bearer ${keys[0]!.key}`))).code).toBe('UNAUTHENTICATED')
  })

  it('works beside user tokens', async () => {
    await using issuer = await startIssuer()
    const both = createIdentify(auth({ services, issuers: [issuer.options()] }))
    expect(await both(`Bearer ${keys[2]!.key}`)).toMatchObject({ kind: 'service', id: 'service-2' })
    expect(issuer.requests).toBe(0)
    expect(await both(`Bearer ${await issuer.sign()}`)).toEqual({
      kind: 'user',
      userId: 'user_1',
      issuer: issuer.issuer,
    })
  })
})
