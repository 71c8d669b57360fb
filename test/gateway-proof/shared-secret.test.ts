/** The shared secret in a header, several kinds of proof together, and no proof unless it is configured. */
import { describe, expect, it } from 'vitest'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { codesOf, KEY, sign, startProved, TOKEN } from './support.ts'

const old = newServiceKey()
const current = newServiceKey()
const secrets_sha256 = [old.key_sha256, current.key_sha256]

describe('the shared secret', () => {
  it('accepts every listed secret and no other, and authenticates nobody by it', async () => {
    await using proved = await startProved({ shared_secret: { secrets_sha256 } })
    const authorization = `Bearer ${proved.server.key}`
    for (const { key } of [old, current]) {
      const headers = { 'x-gateway-secret': key }
      const { answer } = await proved.send({ headers: { ...headers, authorization } })
      expect(answer).toEqual({ data: { user: { oauth_access_tokens: [{ token: TOKEN }] } } })
      const nobody = await proved.send({ headers })
      expect(nobody.answer.data).toEqual({ user: null })
      expect(codesOf(nobody.answer)).toEqual(['UNAUTHENTICATED'])
    }
    const calls = proved.clerk.calls.length
    for (const secret of ['', 'x', `${current.key}x`, `${old.key}, ${current.key}`, current.key_sha256])
      expect((await proved.send({ headers: { 'x-gateway-secret': secret, authorization } })).status).toBe(401)
    expect((await proved.send({ headers: { authorization } })).status).toBe(401)
    expect(proved.clerk.calls).toHaveLength(calls)
    expect(proved.server.logged.join('')).not.toContain(current.key)
  })

  it('is read from the configured header', async () => {
    await using proved = await startProved({ shared_secret: { header: 'x-router', secrets_sha256 } })
    expect((await proved.send({ headers: { 'x-router': old.key } })).status).toBe(200)
    expect((await proved.send({ headers: { 'x-gateway-secret': old.key } })).status).toBe(401)
  })

  it('can be retired', async () => {
    await using proved = await startProved({ shared_secret: { secrets_sha256: [current.key_sha256] } })
    expect((await proved.send({ headers: { 'x-gateway-secret': current.key } })).status).toBe(200)
    expect((await proved.send({ headers: { 'x-gateway-secret': old.key } })).status).toBe(401)
  })
})

it('accepts any one of the configured kinds, and logs the strongest', async () => {
  await using proved = await startProved({ signatures: { keys: [KEY] }, shared_secret: { secrets_sha256 } })
  const secret = { 'x-gateway-secret': current.key }
  const signed = await sign()
  const both = { ...signed, headers: { ...signed.headers, ...secret } }
  expect((await proved.send({ headers: secret })).status).toBe(200)
  expect((await proved.send(both)).status).toBe(200)
  expect((await proved.send(await sign())).status).toBe(200)
  expect((await proved.send({})).status).toBe(401)
  const proofs = proved.server.logged
    .map((line) => JSON.parse(line) as { msg: string; method?: string; gateway?: string })
    .filter(({ msg, method }) => msg === 'request' && method === 'POST')
    .map(({ gateway }) => gateway)
  expect(proofs).toEqual(['shared_secret', 'signature router-1', 'signature router-1', undefined])
})

it('requires no proof without a gateway in the configuration, and ignores a signature', async () => {
  await using proved = await startProved(undefined)
  expect((await proved.send({})).status).toBe(200)
  expect((await proved.send(await sign({ key: 'x'.repeat(40) }))).status).toBe(200)
})
