import type { LookupOptions } from 'node:dns'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CodedError } from '../../src/errors.ts'
import { isOpaque } from '../../src/tokens/ids.ts'
import { checkHost, guardedLookup, mayConnect, routeOf } from '../../src/upstreams/http/address.ts'
import type { Route } from '../../src/upstreams/http/address.ts'
import { fillPath, isExactly, requestUrl } from '../../src/upstreams/http/pool.ts'
import { codePoint } from '../kit/text.ts'

const base = new URL('https://api.example.com/v1')
const template = '/users/{user_id}/oauth_access_tokens/{provider}'

const hostile = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.:|@-]{1,20}$/),
  // Every code point, and halves of surrogate pairs.
  fc.string({ unit: codePoint, maxLength: 40 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)), maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(...['.', '..', '...', '%2e', '%2e%2e', '%252e%252e', '/', '//host.invalid', '\\', '\\\\host', '']),
  fc.constantFrom(
    ...['?a=b', '#a', '\0', '\r\n', '\r\nx-injected: 1', 'a/../b', 'a%2fb', '@host.invalid', ':80', 'a;b'],
  ),
  fc
    .array(
      fc.constantFrom('.', '/', '\\', '%2e', '%2f', '%00', '@', ':', '?', '#', '\n', '\t', 'a', '-', '|', 'ａ', '。'),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.join('')),
)

describe('docs/promises.md S9: no value leaves its segment of the path', () => {
  test('any pair of ids is refused, or each is one segment that decodes to itself', () => {
    const seen = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(hostile, hostile, (user_id, provider) => {
        let url: URL
        try {
          url = requestUrl(base, { template, params: { user_id, provider } })
        } catch (error) {
          seen.refused++
          return error instanceof CodedError && error.code === 'BAD_USER_INPUT'
        }
        seen.accepted++
        const [, version, users, first, tokens, second, ...rest] = url.pathname.split('/')
        return (
          url.origin === base.origin &&
          [version, users, tokens].join() === 'v1,users,oauth_access_tokens' &&
          decodeURIComponent(first ?? '') === user_id &&
          decodeURIComponent(second ?? '') === provider &&
          rest.length === 0 &&
          url.search === '' &&
          url.hash === ''
        )
      }),
      { numRuns: 25_000 },
    )
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(1000)
  }, 60_000)

  test('what is refused is empty, too long, no Unicode, a control character or a segment of dots', () => {
    const refused =
      // oxlint-disable-next-line no-control-regex -- the characters that are refused
      /^$|^\.\.?$|[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/u
    fc.assert(
      fc.property(hostile, (provider) => {
        const accepts = () => requestUrl(base, { template, params: { user_id: 'user_1', provider } })
        if (refused.test(provider)) expect(accepts).toThrow(CodedError)
        else expect(accepts().pathname.split('/').length).toBe(6)
      }),
      { numRuns: 5000 },
    )
  })

  test('every code point of the basic plane and a thousand others', () => {
    const codes = [...Array(0x10000).keys(), ...Array.from({ length: 1000 }, (_, n) => 0x10000 + n * 1049)]
    for (const code of codes) {
      const value = String.fromCodePoint(code)
      const path = `/v1/users/${value.isWellFormed() ? encodeURIComponent(value) : '-'}`
      if (code === 0x2e || !isOpaque(value, 1)) continue
      expect(requestUrl(base, { template: '/users/{user_id}', params: { user_id: value } }).pathname).toBe(path)
    }
  })

  test('the final comparison suffices without the encoding', () => {
    const seen = { inside: 0, outside: 0 }
    fc.assert(
      fc.property(hostile, (user_id) => {
        const raw = `${base.href}/users/${user_id}/oauth_access_tokens/oauth_google`
        if (!URL.canParse(raw)) return
        const url = new URL(raw)
        if (!isExactly(url, base, raw.slice(base.origin.length))) {
          seen.outside++
          return
        }
        seen.inside++
        expect(url.href).toBe(raw)
      }),
      { numRuns: 5000 },
    )
    expect(Math.min(seen.inside, seen.outside)).toBeGreaterThan(100)
  })

  test.each(['.', '..', 'a\r\nb', 'a\0b', 'a\u202eb', '\ud800', '', 'x'.repeat(1025)])(
    'refuses %j, names the parameter and never echoes it',
    (user_id) => {
      const attempt = () => requestUrl(base, { template, params: { user_id, provider: 'oauth_google' } })
      expect(attempt).toThrow(/user_id/)
      if (user_id.trim().length > 1) expect(attempt).not.toThrow(user_id)
    },
  )

  test.each([
    'https://evil.example.com/v1/users/a',
    'https://api.example.com:444/v1/users/a',
    'http://api.example.com/v1/users/a',
    'https://u:p@api.example.com/v1/users/a',
    'https://api.example.com/v2/users/a',
    'https://api.example.com/v1/users/a/b',
    'https://api.example.com/v1/users/a/',
    'https://api.example.com/v1/users//a',
    'https://api.example.com/v1/users/a?c=d',
    'https://api.example.com/v1/users/a#c',
    'https://api.example.com/v1/users/A',
    'https://api.example.com/v1/users/%61',
  ])('%s is another URL', (href) => {
    expect(isExactly(new URL(href), base, '/v1/users/a')).toBe(false)
  })
})

test.each([
  ['auth0|5f7c.x_Y:z@w-1', 'auth0%7C5f7c.x_Y%3Az%40w-1'],
  ['q1+Pk/Z=', 'q1%2BPk%2FZ%3D'],
  ['oauth2|siwe|eip155%3A5%3A0x00', 'oauth2%7Csiwe%7Ceip155%253A5%253A0x00'],
  ['../user_2', '..%2Fuser_2'],
  ['%2e%2e', '%252e%252e'],
  ['Jo Doe', 'Jo%20Doe'],
])('%s is sent as %s', (user_id, segment) => {
  expect(fillPath('/users/{user_id}', { user_id })).toBe(`/users/${segment}`)
})

test('the query keeps its order, repeats keys and encodes values', () => {
  const query = [
    ['user_id', 'a&b'],
    ['user_id', 'c d'],
    ['limit', '100'],
  ] as const
  const url = requestUrl(new URL('https://api.example.com/v1/'), { template: '/users', query })
  expect(url.href).toBe('https://api.example.com/v1/users?user_id=a%26b&user_id=c+d&limit=100')
})

test('a base URL without a path works as well', () => {
  expect(requestUrl(new URL('https://api.example.com'), { template: '/users' }).href).toBe(
    'https://api.example.com/users',
  )
})

describe('docs/promises.md S10: where a connection may go', () => {
  const routes: readonly Route[] = ['https', 'loopback', 'private']

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
    for (const route of routes) expect(mayConnect(address, route)).toBe(false)
  })

  test.each(['::ffff:169.254.169.254', '::ffff:a9fe:a9fe'])('nor %s, the same address as IPv6', (address) => {
    for (const route of routes) expect(mayConnect(address, route)).toBe(false)
  })

  test.each(['127.0.0.1', '::1', '10.0.0.1', '192.168.1.1', '203.0.113.1', '2001:db8::1'])('https to %s', (address) => {
    expect(mayConnect(address, 'https')).toBe(true)
  })

  test.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['::1', true],
    ['10.0.0.1', false],
    ['203.0.113.1', false],
  ])('plain http to %s: %s', (address, allowed) => {
    expect(mayConnect(address, 'loopback')).toBe(allowed)
  })

  test.each([
    ['127.0.0.1', true],
    ['10.96.0.7', true],
    ['172.18.0.2', true],
    ['192.168.1.1', true],
    ['100.64.0.1', true],
    ['fd12:3456::1', true],
    ['::ffff:10.0.0.1', true],
    ['172.32.0.1', false],
    ['203.0.113.1', false],
    ['2001:db8::1', false],
  ])('plain http, where it is allowed, to %s: %s', (address, allowed) => {
    expect(mayConnect(address, 'private')).toBe(allowed)
  })

  test.each([
    'https://169.254.169.254',
    'https://[fe80::1]',
    'https://0xa9fea9fe',
    'https://2852039166',
    'https://[::ffff:169.254.169.254]',
  ])('a base URL of %s does not open', (href) => {
    expect(() => {
      checkHost(new URL(href), 'https')
    }).toThrow(/link-local/)
  })

  test.each([
    ['http://kratos:4434', 'loopback'],
    ['http://10.0.0.1', 'loopback'],
    ['http://203.0.113.1', 'private'],
  ] as const)('a base URL of %s does not open by the route %s', (href, route) => {
    expect(() => {
      checkHost(new URL(href), route)
    }).toThrow(/plain http needs a private address/)
  })

  test('the route follows from the scheme and the word of the operator', () => {
    expect(routeOf(new URL('https://kratos'), true)).toBe('https')
    expect(routeOf(new URL('http://kratos'), true)).toBe('private')
    expect(routeOf(new URL('http://kratos'), false)).toBe('loopback')
    checkHost(new URL('http://kratos:4434'), 'private')
  })

  const resolve = (route: Route, name: string, options: LookupOptions): Promise<unknown> =>
    new Promise((settle) => {
      guardedLookup(route)(name, options, (error, found) => {
        settle(error ?? found)
      })
    })

  test('a name is resolved as usual, in both forms that Node asks for', async () => {
    const loopback = expect.stringMatching(/^(127\.|::1)/) as string
    expect(await resolve('loopback', 'localhost', {})).toEqual(loopback)
    expect(await resolve('loopback', 'localhost', { all: true })).toContainEqual(
      expect.objectContaining({ address: loopback }),
    )
  })

  test('a name that resolves to a forbidden address is refused', async () => {
    for (const route of routes)
      expect(await resolve(route, '169.254.169.254', { all: true })).toMatchObject({ code: 'EADDRFORBIDDEN' })
    expect(await resolve('loopback', '10.0.0.1', { all: true })).toMatchObject({ code: 'EADDRFORBIDDEN' })
    expect(await resolve('private', '10.0.0.1', { all: true })).toEqual([{ address: '10.0.0.1', family: 4 }])
    expect(await resolve('private', '203.0.113.1', { all: true })).toMatchObject({ code: 'EADDRFORBIDDEN' })
  })

  test('a name that does not exist is the error of the resolver', async () => {
    expect(await resolve('https', 'upstream.invalid', { all: true })).toHaveProperty('code')
  })
})
