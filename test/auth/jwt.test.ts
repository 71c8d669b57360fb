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

describe('a token without an audience (RFC 8725 section 3.9)', () => {
  const bindings = [
    ['azp', 'authorized_parties'],
    ['client_id', 'client_ids'],
  ] as const

  describe.each(bindings)('that is bound by %s', (claim, option) => {
    const bound = { audience: undefined, [option]: ['https://app.example.com', 'client-2'] }

    it('counts for one of the listed applications', async () => {
      await using issuer = await startIssuer()
      const identify = bearerOf(issuer.options(bound))
      for (const value of ['https://app.example.com', 'client-2'])
        expect(await identify(await issuer.sign({ aud: undefined, [claim]: value }))).toMatchObject({ kind: 'user' })
      const single = bearerOf(issuer.options({ audience: undefined, [option]: 'client-2' }))
      expect(await single(await issuer.sign({ aud: undefined, [claim]: 'client-2' }))).toMatchObject({ kind: 'user' })
    })

    it.each([
      ['another application', 'client-3', 'not listed'],
      ['a part of one', 'client', 'not listed'],
      ['another case', 'CLIENT-2', 'not listed'],
      ['a list', ['client-2'], 'not listed'],
      ['null', null, 'not listed'],
      ['nothing', undefined, 'missing'],
    ])('does not count for %s', async (_name, value, reason) => {
      await using issuer = await startIssuer()
      const error = await failureOf(bearerOf(issuer.options(bound))(await issuer.sign({ aud: 'x', [claim]: value })))
      expect(error.code).toBe('UNAUTHENTICATED')
      expect(String(error.cause)).toContain(`${claim} ${reason}`)
    })
  })

  it('all bindings that are configured must hold', async () => {
    await using issuer = await startIssuer()
    const identify = bearerOf(issuer.options({ authorized_parties: 'app', client_ids: 'client' }))
    const claims = { aud: 'tokengraph', azp: 'app', client_id: 'client' }
    expect(await identify(await issuer.sign(claims))).toMatchObject({ kind: 'user' })
    for (const claim of ['aud', 'azp', 'client_id'])
      expect((await failureOf(identify(await issuer.sign({ ...claims, [claim]: 'other' })))).code).toBe(
        'UNAUTHENTICATED',
      )
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
