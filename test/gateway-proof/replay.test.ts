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

  /** `take` moves both clocks to `now`, in Unix seconds; `jump` moves the wall clock alone. */
  function openStore() {
    let elapsed = 0
    let offset = 0
    const store = createNonceStore(options, () => elapsed * 1000)
    return {
      take(nonce: string, created: number, now: number) {
        elapsed = now - offset
        return store.take(nonce, created, now)
      },
      jump(seconds: number) {
        offset += seconds
      },
      size: () => store.size,
    }
  }

  it('drops a nonce when its signature is too old, and not before', () => {
    const store = openStore()
    expect(store.take('a', 1000, 1000)).toBe('taken')
    expect(store.take('a', 1000, 1060)).toBe('used')
    expect(store.size()).toBe(1)
    expect(store.take('b', 1062, 1062)).toBe('taken')
    expect(store.size()).toBe(1)
    // A signature from ahead of this clock is valid for longer.
    expect(store.take('c', 1121, 1062)).toBe('taken')
    expect(store.take('c', 1121, 1181)).toBe('used')
    expect(store.size()).toBe(1)
  })

  it('rejects the same nonce with another time', () => {
    const store = openStore()
    expect(store.take('a', 1000, 1000)).toBe('taken')
    expect(store.take('a', 1010, 1010)).toBe('used')
  })

  it('takes nothing while it is full, and continues when there is room', () => {
    const store = openStore()
    for (const nonce of ['a', 'b', 'c']) expect(store.take(nonce, 1000, 1000)).toBe('taken')
    expect(store.take('d', 1000, 1000)).toBe('full')
    expect(store.take('a', 1000, 1000)).toBe('used')
    expect(store.take('d', 1062, 1062)).toBe('taken')
  })

  it('does not take a dropped nonce again when the clock goes back', () => {
    const store = openStore()
    expect(store.take('a', 1000, 1000)).toBe('taken')
    expect(store.take('b', 1100, 1100)).toBe('taken')
    store.jump(-95)
    expect(store.take('a', 1000, 1006)).toBe('used')
  })

  it('keeps its nonces, and takes new ones, when the clock was ahead for a while', () => {
    const store = openStore()
    expect(store.take('a', 1000, 1000)).toBe('taken')
    store.jump(3600)
    // A gateway with the same clock signs; the nonce of before counts all the same.
    expect(store.take('b', 4605, 4605)).toBe('taken')
    store.jump(-3600)
    expect(store.take('a', 1000, 1006)).toBe('used')
    expect(store.take('c', 1007, 1007)).toBe('taken')
  })
})
