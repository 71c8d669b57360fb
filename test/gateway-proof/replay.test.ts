/** docs/promises.md S2: a nonce is accepted once, for as long as its signature is within the window. */
import { describe, expect, it } from 'vitest'
import { createNonceStore } from '../../src/gateway-proof/nonces.ts'
import { codesOf, KEY, sign, startProved } from './support.ts'

describe('a signed request', () => {
  it('is answered once, also when it is sent many times concurrently', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY] } })
    const signed = await sign({ authorization: `Bearer ${proved.server.key}` })
    const answers = await Promise.all(Array.from({ length: 8 }, () => proved.send(signed)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 7 }, () => 401)])
    const later = await proved.send(signed)
    expect(later.status).toBe(401)
    expect(codesOf(later.answer)).toEqual(['UNAUTHENTICATED'])
    expect(proved.server.logged.filter((line) => line.includes('signature: nonce was used'))).toHaveLength(8)
  })

  it('does not use up its nonce with an invalid signature', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY] } })
    const forged = await sign({ nonce: 'an-invented-nonce', key: `${KEY.secret}x` })
    expect((await proved.send(forged)).status).toBe(401)
    expect((await proved.send(await sign({ nonce: 'an-invented-nonce' }))).status).toBe(200)
  })

  it('may have the nonce of a request by another key', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY, { ...KEY, id: 'router-2' }] } })
    const nonce = 'an-invented-nonce'
    expect((await proved.send(await sign({ nonce }))).status).toBe(200)
    expect((await proved.send(await sign({ nonce, keyid: 'router-2' }))).status).toBe(200)
    expect((await proved.send(await sign({ nonce, keyid: 'router-2' }))).status).toBe(401)
  })

  it('is refused with OVERLOADED when the nonce store is full; an invalid signature still gets 401', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY], max_nonces: 2 } })
    expect((await proved.send(await sign())).status).toBe(200)
    expect((await proved.send(await sign())).status).toBe(200)
    const { status, answer } = await proved.send(await sign())
    expect({ status, codes: codesOf(answer) }).toEqual({ status: 503, codes: ['OVERLOADED'] })
    expect((await proved.send(await sign({ key: `${KEY.secret}x` }))).status).toBe(401)
  })
})

describe('the nonce store', () => {
  const options = { windowSeconds: 60, maxNonces: 3 }

  it('drops a nonce when its signature is too old, and not before', () => {
    const store = createNonceStore(options)
    expect(store.take('a', 1000, 1000)).toBe('taken')
    expect(store.take('a', 1000, 1060)).toBe('used')
    expect(store.size).toBe(1)
    expect(store.take('b', 1061, 1061)).toBe('taken')
    expect(store.size).toBe(1)
    // A signature from ahead of this clock is valid for longer.
    expect(store.take('c', 1121, 1061)).toBe('taken')
    expect(store.take('c', 1121, 1181)).toBe('used')
    expect(store.size).toBe(1)
  })

  it('rejects the same nonce with another time', () => {
    const store = createNonceStore(options)
    expect(store.take('a', 1000, 1000)).toBe('taken')
    expect(store.take('a', 1010, 1010)).toBe('used')
  })

  it('takes nothing while it is full, and continues when there is room', () => {
    const store = createNonceStore(options)
    for (const nonce of ['a', 'b', 'c']) expect(store.take(nonce, 1000, 1000)).toBe('taken')
    expect(store.take('d', 1000, 1000)).toBe('full')
    expect(store.take('a', 1000, 1000)).toBe('used')
    expect(store.take('d', 1061, 1061)).toBe('taken')
  })

  it('does not take a dropped nonce again when the clock goes back', () => {
    const store = createNonceStore(options)
    expect(store.take('a', 1000, 1000)).toBe('taken')
    expect(store.take('b', 1100, 1100)).toBe('taken')
    expect(store.take('a', 1000, 1005)).toBe('used')
  })
})
