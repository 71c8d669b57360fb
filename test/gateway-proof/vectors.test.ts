/** The published test vectors of RFC 9421 appendix B.2, for the accepted algorithms. */
import { createHmac, createPublicKey, verify } from 'node:crypto'
import { isInnerList, parseDictionary } from 'structured-headers'
import { expect, it } from 'vitest'
import { buildSignatureBase } from '../../src/gateway-proof/http-signature.ts'

/** B.2: `test-request`. */
const request: Readonly<Record<string, string>> = {
  '@method': 'POST',
  '@path': '/foo',
  '@authority': 'example.com',
  date: 'Tue, 20 Apr 2021 02:07:55 GMT',
  'content-type': 'application/json',
  'content-length': '18',
}

function baseOf(signature_input: string): string | null {
  const [input] = parseDictionary(signature_input).values()
  if (input === undefined || !isInnerList(input)) throw new Error('no inner list')
  return buildSignatureBase(input, (name) => request[name] ?? null)
}

it('builds the base of B.2.5, with the published HMAC', () => {
  const base = baseOf('sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"')
  expect(base).toBe(
    [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@authority": example.com',
      '"content-type": application/json',
      '"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    ].join('\n'),
  )
  const secret = 'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=='
  const mac = createHmac('sha256', Buffer.from(secret, 'base64')).update(base!).digest('base64')
  expect(mac).toBe('pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=')
})

it('builds the base of B.2.6, for which the published Ed25519 signature is valid', () => {
  const base = baseOf(
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
  )
  const key = createPublicKey(
    '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n',
  )
  const signature = 'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=='
  expect(verify(null, Buffer.from(base!), key, Buffer.from(signature, 'base64'))).toBe(true)
})

it('returns null where a component is named twice, has parameters, has no value or breaks the lines', () => {
  expect(baseOf('a=("date" "@path" "date")')).toBeNull()
  expect(baseOf('a=("date";sf)')).toBeNull()
  expect(baseOf('a=("@path";req)')).toBeNull()
  expect(baseOf('a=("authorization")')).toBeNull()
  expect(baseOf('a=(date)')).toBeNull()
  const [input] = parseDictionary('a=("date")').values()
  if (input === undefined || !isInnerList(input)) throw new Error('no inner list')
  expect(buildSignatureBase(input, () => 'one\n"@path": /other')).toBeNull()
})
