/** docs/promises.md S2: the time window, keys that overlap and retire, and Ed25519. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createCheckProof } from '../../src/gateway-proof/check-proof.ts'
import { gatewayOptions } from '../../src/gateway-proof/options.ts'
import { KEY, sign } from './support.ts'
import type { Signed, SignOptions } from './support.ts'

/** 2026-01-01, in milliseconds. */
const NOW = 1_767_225_600_000

/** Checks a POST to `/graphql`, or the request in `arrived`. `clock` returns milliseconds since 1970. */
function checker(signatures: unknown, clock: () => number = () => NOW) {
  const check = createCheckProof(gatewayOptions.parse({ signatures })!, clock)
  return ({ headers, body }: Signed, arrived: { method?: string; path?: string } = {}) => {
    const byName = new Headers(headers)
    return check({
      method: 'POST',
      path: '/graphql',
      ...arrived,
      header: (name) => byName.get(name),
      body: () => Promise.resolve(Buffer.from(body)),
    })
  }
}

const at = (options: SignOptions = {}) => sign({ now: NOW, ...options })

describe('the window', () => {
  it.each([
    [59, true],
    [60, true],
    [61, false],
    [-59, true],
    [-60, true],
    [-61, false],
  ])('%i s old: %s', async (seconds, ok) => {
    const result = await checker({ keys: [KEY] })(await at({ age: seconds * 1000 }))
    expect(result).toEqual(ok ? { ok, method: 'signature router-1' } : { ok, reason: 'signature: time' })
  })

  it('is configurable', async () => {
    const check = checker({ keys: [KEY], window_seconds: 10 })
    expect(await check(await at({ age: 10_000 }))).toMatchObject({ ok: true })
    expect(await check(await at({ age: 11_000 }))).toMatchObject({ ok: false })
  })

  it('does not outlast a nonce: a replay at the end of the window is refused', async () => {
    let now = NOW
    const check = checker({ keys: [KEY] }, () => now)
    const signed = await at({ age: -60_000 })
    expect(await check(signed)).toMatchObject({ ok: true })
    now += 120_000
    expect(await check(signed)).toEqual({ ok: false, reason: 'signature: nonce was used' })
    now += 1000
    expect(await check(signed)).toEqual({ ok: false, reason: 'signature: time' })
  })
})

describe('method and path', () => {
  it('are those of the request that arrived', async () => {
    const check = checker({ keys: [KEY] })
    expect(await check(await at(), { method: 'PUT' })).toMatchObject({ ok: false })
    expect(await check(await at(), { path: '/other' })).toMatchObject({ ok: false })
    expect(
      await check(await at({ method: 'PUT', url: 'http://127.0.0.1/other' }), { method: 'PUT', path: '/other' }),
    ).toMatchObject({ ok: true })
  })
})

describe('keys', () => {
  const next = { id: 'router-2', secret: 'another-invented-secret-0123456789abcdef' }
  const byNext = { keyid: next.id, key: next.secret }

  it('are accepted together while both are listed, and not before or after', async () => {
    const only = async (keys: unknown[]) => {
      const check = checker({ keys })
      return [(await check(await at())).ok, (await check(await at(byNext))).ok]
    }
    expect(await only([KEY])).toEqual([true, false])
    expect(await only([KEY, next])).toEqual([true, true])
    expect(await only([next])).toEqual([false, true])
  })

  it('are not interchangeable', async () => {
    const check = checker({ keys: [KEY, next] })
    expect(await check(await at({ keyid: KEY.id, key: next.secret }))).toMatchObject({ ok: false })
  })

  it('are named in the result', async () => {
    expect(await checker({ keys: [KEY, next] })(await at(byNext))).toEqual({ ok: true, method: 'signature router-2' })
  })
})

describe('Ed25519', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const public_key = publicKey.export({ type: 'spki', format: 'pem' }) as string
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const keys = [{ id: 'signer', public_key }]

  it('is verified with the public key', async () => {
    const check = checker({ keys })
    expect(await check(await at({ alg: 'ed25519', key, keyid: 'signer' }))).toMatchObject({ ok: true })
    const signed = await at({ alg: 'ed25519', key, keyid: 'signer' })
    expect(await check({ ...signed, body: `${signed.body} ` })).toMatchObject({ ok: false })
  })

  it('is not confused with an HMAC keyed by the public key', async () => {
    const check = checker({ keys })
    const signed = await at({ alg: 'hmac-sha256', key: public_key, keyid: 'signer' })
    expect(await check(signed)).toEqual({ ok: false, reason: 'signature: algorithm' })
  })
})

describe('several signatures', () => {
  const add = ({ headers, body }: Signed, label: string, other: Signed): Signed => ({
    body,
    headers: {
      ...headers,
      'Signature-Input': `${headers['Signature-Input']!}, ${other.headers['Signature-Input']!.replace('sig=', `${label}=`)}`,
      Signature: `${headers.Signature!}, ${other.headers.Signature!.replace('sig=', `${label}=`)}`,
    },
  })

  it('need only one valid one: a proxy may have added its own', async () => {
    const theirs = await at({ keyid: 'of-a-proxy', key: 'x', fields: ['@method'] })
    expect(await checker({ keys: [KEY] })(add(theirs, 'ours', await at()))).toMatchObject({ ok: true })
  })

  it('are matched by label: input and signature cannot be combined across labels', async () => {
    const ours = await at()
    const theirs = await at({ key: 'x'.repeat(40) })
    const { headers, body } = add(ours, 'theirs', theirs)
    const swapped = headers.Signature!.replace('sig=', 'x=').replace('theirs=', 'sig=').replace('x=', 'theirs=')
    const nonceOfTheirs = { body, headers: { ...headers, Signature: swapped } }
    expect(await checker({ keys: [KEY] })(nonceOfTheirs)).toMatchObject({ ok: false })
  })

  it('are at most four', async () => {
    let signed = await at()
    for (const label of ['a', 'b', 'c']) signed = add(signed, label, await at())
    expect(await checker({ keys: [KEY] })(signed)).toMatchObject({ ok: true })
    expect(await checker({ keys: [KEY] })(add(signed, 'd', await at()))).toEqual({
      ok: false,
      reason: 'signature: unreadable',
    })
  })
})
