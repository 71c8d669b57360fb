/** What is wrong with clients is said by the key, before anything starts, and without a secret. */
import { expect, test } from 'vitest'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { secret } from '../../../src/lib/secret.ts'
import { findProblems, readClients } from '../../../src/upstreams/vault/clients/clients.ts'
import { clientOptions } from '../../../src/upstreams/vault/clients/options.ts'

const SECRET = 'invented-client-secret'
const schema = z
  .strictObject(clientOptions)
  .transform((options) => ({ ...options, keys: [{ secret: secret('invented ring') }] }))
const base = { client_id: 'invented', client_secret: SECRET }
const pemOf = ({ privateKey }: { privateKey: KeyObject }): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const rsa = pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const p384 = pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }))
const signing = { client_id: 'invented', client_auth: 'private_key_jwt' }

test.each([
  ['an unknown provider', 'gogle', base, 'provider', 'did you mean google?'],
  ['no secret', 'google', { client_id: 'invented' }, 'client_secret', 'is missing: Google expects it (post)'],
  ['a method of another provider', 'github', { ...base, client_auth: 'tls' }, 'client_auth', 'does not accept tls'],
  ['a value that no URL takes', 'google', { ...base, values: { tenant: 'x' } }, 'values', 'no placeholder tenant'],
  [
    'a value that leaves its place',
    'netsuite',
    { ...base, values: { account: 'a/b@evil' } },
    'values',
    'expected one label of a host name',
  ],
  [
    'no key at all',
    'microsoft',
    { ...signing, private_key: 'not a key' },
    'private_key',
    'is not a private key in PEM',
  ],
  ['a key of another kind', 'microsoft', { ...signing, private_key: p384 }, 'private_key', 'is not a key for RS256'],
  [
    'a curve that ES256 has not',
    'microsoft',
    { ...signing, private_key: p384, key_algorithm: 'ES256' },
    'private_key',
    'is not a key for ES256',
  ],
  [
    'an RSA key for ES256',
    'microsoft',
    { ...signing, private_key: rsa, key_algorithm: 'ES256' },
    'private_key',
    'is not a key for ES256',
  ],
] as const)('%s', (_, name, client, key, message) => {
  const options = schema.parse({ clients: { [name]: client } })
  const problems = findProblems(options)
  expect(problems).toEqual([{ path: ['clients', name, key], message: expect.stringContaining(message) as string }])
  expect(JSON.stringify(problems)).not.toContain(SECRET)
  expect(() => readClients(options)).toThrow(`clients.${name}.${key}: `)
})

test('plain http is for loopback addresses, in a provider of the configuration', () => {
  const accepts = (issuer: string): boolean => schema.safeParse({ providers: { own: { issuer } } }).success
  expect(accepts('https://id.example.invalid')).toBe(true)
  expect(accepts('http://127.0.0.1:8080')).toBe(true)
  expect(accepts('http://id.example.invalid')).toBe(false)
})

test('the id of the credentials changes with each of them', () => {
  const idOf = (changes: object): string | undefined =>
    readClients(schema.parse({ clients: { google: { ...base, ...changes } } })).get('google')?.credentialsId
  const ids = [idOf({}), idOf({ client_id: 'other' }), idOf({ client_secret: 'other' })]
  expect(new Set(ids).size).toBe(3)
  expect(idOf({})).toBe(ids[0])
})
