import { describe, expect, test } from 'vitest'
import { checkHost, guardedLookup, mayConnect } from '../../src/upstreams/address.ts'

describe('TRUST S10: where a connection may go', () => {
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

  test('a name is resolved as usual, in both forms that Node asks for', async () => {
    const lookup = guardedLookup('http:')
    const all = await new Promise((resolve) =>
      lookup('localhost', { all: true }, (error, found) => resolve(error ?? found)),
    )
    expect(all).toEqual(
      expect.arrayContaining([expect.objectContaining({ address: expect.stringMatching(/^(127\.|::1)/) })]),
    )
    const one = await new Promise((resolve) => lookup('localhost', {}, (error, found) => resolve(error ?? found)))
    expect(one).toMatch(/^(127\.|::1)/)
  })

  test('a name that resolves to a forbidden address is refused', async () => {
    const refused = await new Promise((resolve) => guardedLookup('https:')('169.254.169.254', { all: true }, resolve))
    expect(refused).toMatchObject({ code: 'EADDRFORBIDDEN' })
  })
})
