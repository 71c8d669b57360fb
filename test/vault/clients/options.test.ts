/** What is wrong with clients is said by the key, before anything starts, and without a secret. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { findProblems, readClients } from '../../../src/upstreams/vault/clients/clients.ts'
import { clientOptions } from '../../../src/upstreams/vault/clients/options.ts'

const SECRET = 'invented-client-secret'
const schema = z.strictObject(clientOptions)
const base = { client_id: 'invented', client_secret: SECRET }

test.each([
  ['an unknown provider', 'gogle', base, 'provider', 'did you mean google?'],
  ['no secret', 'google', { client_id: 'invented' }, 'client_secret', 'is missing: Google expects it (post)'],
  ['a method of another provider', 'github', { ...base, client_auth: 'tls' }, 'client_auth', 'does not accept tls'],
  ['a value that no URL takes', 'google', { ...base, values: { tenant: 'x' } }, 'values', 'no placeholder tenant'],
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
