/** docs/promises.md S3: a corpus of forged and malformed tokens, against the real keys of a real issuer. */
import { importJWK } from 'jose'
import type { JWK } from 'jose'
import { afterAll, expect, it } from 'vitest'
import { startIssuer } from '../servers/jwks.ts'
import { forgeries } from './forgeries.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { bearerOf } from './support.ts'

const issuer = await startIssuer()
const attacker = await startIssuer()
const identify = bearerOf(issuer)

afterAll(async () => {
  await issuer[Symbol.asyncDispose]()
  await attacker[Symbol.asyncDispose]()
})

it.each(await forgeries(issuer, attacker))('refuses %s', async (_name, reason, forge) => {
  const token = await forge()
  const error = await failureOf(identify(token))
  expect(error.code).toBe('UNAUTHENTICATED')
  expect(error.message).toBe('No valid credentials were presented.')
  expect(String(error.cause)).toContain(reason)
  const text = everythingOf(error)
  for (const part of token.split('.').filter((p) => p.length > 8)) expect(text).not.toContain(part)
  expect(text).not.toMatch(/user_\d|evil|invented/)
})

it('fetched the configured key set once, and no URL from a token', () => {
  expect(attacker.requests).toBe(0)
  expect(issuer.requests).toBe(1)
})

it('takes the algorithm from the configuration where the published key allows another one too', async () => {
  await using rsa = await startIssuer({ alg: 'RS256' })
  const published = { ...rsa.key.jwk, alg: undefined }
  rsa.answer((response) => response.end(JSON.stringify({ keys: [published] })))
  const jwk = (await crypto.subtle.exportKey('jwk', rsa.key.privateKey)) as JWK
  const privateKey = await importJWK({ ...jwk, alg: 'PS256' })
  if (privateKey instanceof Uint8Array) throw new TypeError('expected a key pair')
  const token = await rsa.sign({}, { key: { ...rsa.key, alg: 'PS256', privateKey } })
  expect(await bearerOf(rsa.options({ algorithms: ['PS256'] }))(token)).toMatchObject({ kind: 'user' })
  expect((await failureOf(bearerOf(rsa)(token))).code).toBe('UNAUTHENTICATED')
})
