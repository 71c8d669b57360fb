import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createVerifiedTokens } from '../../src/auth/verified-token-cache.ts'
import { startIssuer } from '../servers/jwks.ts'
import { bearerOf, failure } from './support.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => vi.useRealTimers())
const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

describe('a verified token', () => {
  it('is remembered: it counts without its key for some minutes, and then not', async () => {
    await using issuer = await startIssuer()
    const identify = bearerOf(issuer)
    const exp = inSeconds(3600)
    const [seen, unseen] = [await issuer.sign({ exp }), await issuer.sign({ exp, sub: 'user_2' })]
    await identify(await issuer.sign({ sub: 'user_0' }))
    pass(599)
    await identify(seen)
    await issuer.rotate({ keep: false })
    pass(2)
    // The set is old now and the key is gone: only the remembered token still counts.
    expect((await failure(identify(unseen))).code).toBe('UNAUTHENTICATED')
    expect(await identify(seen)).toMatchObject({ user_id: 'user_1' })
    pass(300)
    expect((await failure(identify(seen))).code).toBe('UNAUTHENTICATED')
  })

  it('does not outlive its exp by more than the tolerance of the clock', async () => {
    await using issuer = await startIssuer()
    const identify = bearerOf(issuer)
    const token = await issuer.sign({ exp: inSeconds(60) })
    await identify(token)
    pass(100)
    expect((await failure(identify(token))).code).toBe('UNAUTHENTICATED')
  })

  it('is only remembered as a success: a token that failed is tried again', async () => {
    await using issuer = await startIssuer()
    const identify = bearerOf(issuer)
    await identify(await issuer.sign())
    await issuer.rotate()
    const token = await issuer.sign({ sub: 'user_2' })
    expect((await failure(identify(token))).code).toBe('UNAUTHENTICATED')
    pass(31)
    expect(await identify(token)).toMatchObject({ user_id: 'user_2' })
  })
})

describe('the store', () => {
  const user = (exp: number) => ({ user_id: 'user_1', issuer: 'https://id.example.com', exp })

  it('is bounded: the oldest gives way', () => {
    const store = createVerifiedTokens(2)
    const remembered = () => ['a', 'b', 'c'].filter((digest) => store.get(digest) !== null)
    for (const digest of ['a', 'b', 'b']) store.set(digest, user(inSeconds(60)))
    expect(remembered()).toEqual(['a', 'b'])
    store.set('c', user(inSeconds(60)))
    expect(remembered()).toEqual(['b', 'c'])
  })

  it('forgets at exp, and after five minutes at the latest', () => {
    const store = createVerifiedTokens()
    store.set('short', user(inSeconds(10)))
    store.set('long', user(inSeconds(3600)))
    store.set('over', user(inSeconds(-1)))
    expect(store.get('over')).toBeNull()
    pass(9)
    expect(store.get('short')).not.toBeNull()
    pass(2)
    expect(store.get('short')).toBeNull()
    expect(store.get('long')).not.toBeNull()
    pass(300)
    expect(store.get('long')).toBeNull()
  })
})
