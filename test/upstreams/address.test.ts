import type { LookupOptions } from 'node:dns'
import { describe, expect, test } from 'vitest'
import { checkHost, guardedLookup, mayConnect } from '../../src/upstreams/http/address.ts'

describe('docs/promises.md S10: where a connection may go', () => {
  test.each([
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    'fe80::1',
    '::',
    'ff02::1',
    'fd00:ec2::254',
  ])('never %s', (address) => {
    expect(mayConnect(address, 'https:')).toBe(false)
  })

  test.each(['::ffff:169.254.169.254', '::ffff:a9fe:a9fe'])('nor %s, the same in other clothes', (address) => {
    expect(mayConnect(address, 'https:')).toBe(false)
  })

  test.each(['127.0.0.1', '::1', '10.0.0.1', '192.168.1.1', '203.0.113.1', '2001:db8::1'])('https to %s', (address) => {
    expect(mayConnect(address, 'https:')).toBe(true)
  })

  test.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['::1', true],
    ['10.0.0.1', false],
    ['203.0.113.1', false],
  ])('plain http to %s: %s', (address, allowed) => {
    expect(mayConnect(address, 'http:')).toBe(allowed)
  })

  test.each([
    'https://169.254.169.254',
    'https://[fe80::1]',
    'https://0xa9fea9fe',
    'https://2852039166',
    'https://[::ffff:169.254.169.254]',
  ])('a base URL of %s does not open', (href) => {
    expect(() => {
      checkHost(new URL(href))
    }).toThrow(/link-local/)
  })

  const resolve = (protocol: string, name: string, options: LookupOptions): Promise<unknown> =>
    new Promise((settle) => {
      guardedLookup(protocol)(name, options, (error, found) => {
        settle(error ?? found)
      })
    })

  test('a name is resolved as usual, in both forms that Node asks for', async () => {
    const loopback = expect.stringMatching(/^(127\.|::1)/) as string
    expect(await resolve('http:', 'localhost', {})).toEqual(loopback)
    expect(await resolve('http:', 'localhost', { all: true })).toContainEqual(
      expect.objectContaining({ address: loopback }),
    )
  })

  test('a name that resolves to a forbidden address is refused', async () => {
    expect(await resolve('https:', '169.254.169.254', { all: true })).toMatchObject({ code: 'EADDRFORBIDDEN' })
  })

  test('a name that does not exist is the error of the resolver', async () => {
    expect(await resolve('https:', 'upstream.invalid', { all: true })).toHaveProperty('code')
  })
})
