/** docs/promises.md S3: valid user tokens; `jwt-forged.test.ts` has the forged ones. */
import { describe, expect, it } from 'vitest'
import { jwtAlgorithms } from '../../src/auth/options.ts'
import { startIssuer } from '../servers/jwks.ts'
import { failureOf } from '../kit/errors.ts'
import { bearerOf } from './support.ts'

const now = () => Math.floor(Date.now() / 1000)

describe('a user token', () => {
  it.each(jwtAlgorithms)('is accepted with %s', async (alg) => {
    await using issuer = await startIssuer({ alg })
    const viewer = await bearerOf(issuer)(await issuer.sign({ sub: 'user_7' }))
    expect(viewer).toEqual({ kind: 'user', userId: 'user_7', issuer: issuer.issuer })
  })

  it.each([
    ['an audience among several', { aud: ['other', 'tokengraph'] }, {}],
    ['an exp within the clock tolerance', { exp: now() - 10 }, {}],
    ['an nbf within the clock tolerance', { nbf: now() + 10 }, {}],
    ['nbf in the past', { nbf: now() - 10 }, {}],
    ['no typ', {}, { typ: undefined }],
    ['the typ of RFC 9068', {}, { typ: 'at+jwt' }],
    ['the typ of RFC 9068 in full', {}, { typ: 'application/at+JWT' }],
    ['no kid, while the set has one key', {}, { kid: undefined }],
    ['unknown claims', { email: 'a"b:{c}@example.com', nested: { sub: 'x', aud: 'y' }, list: [{ iss: 1 }] }, {}],
  ])('may have %s', async (_name, claims, header) => {
    await using issuer = await startIssuer()
    expect(await bearerOf(issuer)(await issuer.sign(claims, { header }))).toMatchObject({ userId: 'user_1' })
  })

  it('names the user in the configured claim', async () => {
    await using issuer = await startIssuer()
    const identify = bearerOf(issuer.options({ user_claim: 'uid' }))
    expect(await identify(await issuer.sign({ uid: 'user_9' }))).toMatchObject({ userId: 'user_9' })
    expect((await failureOf(identify(await issuer.sign()))).code).toBe('UNAUTHENTICATED')
  })

  it('may be for one of several configured audiences', async () => {
    await using issuer = await startIssuer()
    const identify = bearerOf(issuer.options({ audience: ['web', 'mobile'] }))
    expect(await identify(await issuer.sign({ aud: 'mobile' }))).toMatchObject({ kind: 'user' })
    expect((await failureOf(identify(await issuer.sign()))).code).toBe('UNAUTHENTICATED')
  })
})

describe('several issuers', () => {
  it('are selected by `iss`, each with its own keys, audience and algorithms', async () => {
    await using a = await startIssuer()
    await using b = await startIssuer({ alg: 'RS256' })
    const identify = bearerOf(a, b.options({ audience: 'other' }))
    expect(await identify(await a.sign())).toMatchObject({ issuer: a.issuer })
    expect(b.requests).toBe(0)
    expect(await identify(await b.sign({ aud: 'other' }))).toMatchObject({ issuer: b.issuer })
    for (const token of [
      await b.sign(),
      await a.sign({ aud: 'other' }),
      await a.sign({}, { key: b.key }),
      await a.sign({ iss: b.issuer, aud: 'other' }),
      await b.sign({ iss: a.issuer }),
      await a.sign({}, { key: b.key, header: { kid: a.key.kid } }),
    ])
      expect((await failureOf(identify(token))).code).toBe('UNAUTHENTICATED')
  })

  it('fail independently: an unreachable issuer turns away its own users only', async () => {
    await using a = await startIssuer()
    await using b = await startIssuer()
    b.outage(true)
    const identify = bearerOf(a, b)
    expect((await failureOf(identify(await b.sign()))).code).toBe('UPSTREAM_UNAVAILABLE')
    expect(await identify(await a.sign())).toMatchObject({ kind: 'user' })
  })
})
