/** The cache of verified tokens, by itself and in the way of a request. */
import { describe, expect, it } from 'vitest'
import { createVerifiedTokenCache } from '../../src/auth/verified-token-cache.ts'
import { startIssuer } from '../servers/jwks.ts'
import { failureOf } from '../kit/errors.ts'
import { bearerAt, createTestClock, settled } from './support.ts'

describe('a verified token', () => {
  it('is cached: it counts without its key for five minutes, and not longer', async () => {
    const clock = createTestClock()
    await using issuer = await startIssuer(clock)
    const identify = bearerAt(clock, issuer)
    const exp = clock.inSeconds(3600)
    const old = issuer.key
    const [seen, unseen] = [await issuer.sign({ exp }), await issuer.sign({ exp, sub: 'user_2' })]
    await identify(await issuer.sign({ sub: 'user_0' }))
    clock.pass(538)
    await identify(seen)
    await issuer.rotate({ keep: false })
    clock.pass(3)
    await settled(identify, () => issuer.sign({ exp }, { key: old }))
    // The key set was read again and the key is gone: only the cached token still counts.
    expect((await failureOf(identify(unseen))).code).toBe('UNAUTHENTICATED')
    expect(await identify(seen)).toMatchObject({ userId: 'user_1' })
    clock.pass(300)
    expect((await failureOf(identify(seen))).code).toBe('UNAUTHENTICATED')
  })

  it('does not outlive its exp by more than the clock tolerance', async () => {
    const clock = createTestClock()
    await using issuer = await startIssuer(clock)
    const identify = bearerAt(clock, issuer)
    const token = await issuer.sign({ exp: clock.inSeconds(60) })
    await identify(token)
    clock.pass(100)
    expect((await failureOf(identify(token))).code).toBe('UNAUTHENTICATED')
  })

  it('is cached as a success only: a token that failed is verified again', async () => {
    const clock = createTestClock()
    await using issuer = await startIssuer(clock)
    const identify = bearerAt(clock, issuer)
    await identify(await issuer.sign())
    await issuer.rotate()
    const token = await issuer.sign({ sub: 'user_2' })
    expect((await failureOf(identify(token))).code).toBe('UNAUTHENTICATED')
    clock.pass(31)
    expect(await identify(token)).toMatchObject({ userId: 'user_2' })
  })
})

describe('the cache', () => {
  const user = (exp: number) => ({ userId: 'user_1', issuer: 'https://id.example.com', exp })

  it('ages by the monotonic clock, and compares exp with the wall clock', () => {
    const clock = createTestClock()
    const cache = createVerifiedTokenCache(clock)
    cache.set('a', user(clock.inSeconds(3600)))
    clock.jump(-86_400)
    clock.pass(299)
    expect(cache.get('a')).not.toBeNull()
    clock.pass(2)
    expect(cache.get('a')).toBeNull()
    cache.set('b', user(clock.inSeconds(60)))
    clock.jump(61)
    expect(cache.get('b')).toBeNull()
    clock.jump(-61)
    expect(cache.get('b')).not.toBeNull()
  })

  it('is bounded: the least recently used token is evicted', () => {
    const clock = createTestClock()
    const cache = createVerifiedTokenCache(clock, 2)
    const cached = () => ['a', 'b', 'c'].filter((digest) => cache.get(digest) !== null)
    for (const digest of ['a', 'b', 'b']) cache.set(digest, user(clock.inSeconds(60)))
    expect(cached()).toEqual(['a', 'b'])
    cache.set('c', user(clock.inSeconds(60)))
    expect(cached()).toEqual(['b', 'c'])
  })

  it('drops a token at its exp, and after five minutes at the latest', () => {
    const clock = createTestClock()
    const cache = createVerifiedTokenCache(clock)
    cache.set('short', user(clock.inSeconds(10)))
    cache.set('long', user(clock.inSeconds(3600)))
    cache.set('over', user(clock.inSeconds(-1)))
    expect(cache.get('over')).toBeNull()
    clock.pass(9)
    expect(cache.get('short')).not.toBeNull()
    clock.pass(2)
    expect(cache.get('short')).toBeNull()
    expect(cache.get('long')).not.toBeNull()
    clock.pass(300)
    expect(cache.get('long')).toBeNull()
  })
})
