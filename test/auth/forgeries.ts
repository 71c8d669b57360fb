/** Some eighty tokens that must not count, made with the real keys of a real issuer wherever that helps the forger. */
import { createHmac, createPublicKey, createSign, generateKeyPairSync, KeyObject } from 'node:crypto'
import { CompactEncrypt, CompactSign } from 'jose'
import type { JWTPayload } from 'jose'
import { generateKey } from '../servers/jwks.ts'
import type { Issuer, SigningKey } from '../servers/jwks.ts'
import { rawToken } from './support.ts'

/** `reason` is what the log may say: each is refused for what is wrong with it, not by chance. */
type Forgery = readonly [name: string, reason: string, forge: () => string | Promise<string>]

/** `issuer` is the configured one, with ES256; `attacker` has keys of its own that nobody may fetch. */
export async function forgeries(issuer: Issuer, attacker: Issuer): Promise<Forgery[]> {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer.issuer, aud: 'tokengraph', sub: 'user_1', exp: now + 300 }
  const rsa = await generateKey('RS256')
  const parts = async () => (await issuer.sign()).split('.') as [string, string, string]
  /** Signed as it should be, with odd claims or an odd header. */
  const sign = (more: object, header: object = {}) => issuer.sign(more as JWTPayload, { header: { ...header } })
  /** Signed as it should be, over whatever bytes. */
  const signBytes = (payload: string | Buffer, header: object = {}) =>
    new CompactSign(Buffer.from(payload))
      .setProtectedHeader({ alg: 'ES256', kid: issuer.key.kid, ...header })
      .sign(issuer.key.privateKey, { crit: { 'exp-x': true } })
  /** Signed by the attacker, who points to the attacker's keys by the header. */
  const byAttacker = (header: object) => issuer.sign({}, { key: attacker.key, header: { ...header } })

  function hmac(secret: string | Buffer, alg = 'HS256', key: SigningKey = issuer.key): string {
    const input = rawToken({ alg, kid: key.kid, typ: 'JWT' }, claims, '').slice(0, -1)
    return `${input}.${createHmac(alg.replace('HS', 'sha'), secret).update(input).digest('base64url')}`
  }
  /** ASN.1 instead of the raw form of RFC 7518 section 3.4, by the right key. */
  async function derSignature(): Promise<string> {
    const input = (await parts()).slice(0, 2).join('.')
    return `${input}.${createSign('sha256').update(input).sign(KeyObject.from(issuer.key.privateKey), 'base64url')}`
  }
  const jwe = () =>
    new CompactEncrypt(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT' })
      .encrypt(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)

  return [
    ['alg none', 'not a compact JWS', () => rawToken({ alg: 'none' }, claims, '')],
    ['alg None', 'not a compact JWS', () => rawToken({ alg: 'None' }, claims, '')],
    [
      'alg NONE, kid and typ',
      'not a compact JWS',
      () => rawToken({ alg: 'NONE', kid: issuer.key.kid, typ: 'JWT' }, claims, ''),
    ],
    [
      'alg none with a signature',
      'ERR_JOSE_ALG_NOT_ALLOWED',
      async () => rawToken({ alg: 'none' }, claims, (await parts())[2]),
    ],
    ['alg empty', 'ERR_JWS_INVALID', () => rawToken({ alg: '' }, claims, 'AAAA')],
    ['alg missing', 'ERR_JWS_INVALID', () => rawToken({ typ: 'JWT' }, claims, 'AAAA')],
    ['alg a list', 'ERR_JWS_INVALID', () => rawToken({ alg: ['ES256'] }, claims, 'AAAA')],
    ['alg null', 'ERR_JWS_INVALID', () => rawToken({ alg: null }, claims, 'AAAA')],
    ['HS256 with the public key as PEM', 'ERR_JOSE_ALG_NOT_ALLOWED', () => hmac(pem(issuer.key))],
    ['HS256 with the public key as JWK', 'ERR_JOSE_ALG_NOT_ALLOWED', () => hmac(JSON.stringify(issuer.key.jwk))],
    [
      'HS256 with the x coordinate',
      'ERR_JOSE_ALG_NOT_ALLOWED',
      () => hmac(Buffer.from(issuer.key.jwk.x!, 'base64url')),
    ],
    ['HS256 with an empty key', 'ERR_JOSE_ALG_NOT_ALLOWED', () => hmac('')],
    ['HS512 with the public key as PEM', 'ERR_JOSE_ALG_NOT_ALLOWED', () => hmac(pem(issuer.key), 'HS512')],
    ['HS256 with the public RSA key as PEM', 'ERR_JOSE_ALG_NOT_ALLOWED', () => hmac(pem(rsa), 'HS256', rsa)],
    ['another audience', 'aud check_failed', () => sign({ aud: 'somebody-else' })],
    ['a longer audience', 'aud check_failed', () => sign({ aud: 'tokengraph2' })],
    ['the audience in another case', 'aud check_failed', () => sign({ aud: 'Tokengraph' })],
    ['no audience', 'aud missing', () => sign({ aud: undefined })],
    ['an empty list of audiences', 'aud check_failed', () => sign({ aud: [] })],
    ['a list of other audiences', 'aud check_failed', () => sign({ aud: ['a', 'b'] })],
    ['a nested audience', 'aud check_failed', () => sign({ aud: [['tokengraph']] })],
    ['an audience that is an object', 'aud check_failed', () => sign({ aud: { tokengraph: true } })],
    ['another issuer', 'issuer not configured', () => sign({ iss: 'https://evil.example.com' })],
    ['no issuer', 'issuer not configured', () => sign({ iss: undefined })],
    ['the issuer with a slash', 'issuer not configured', () => sign({ iss: `${issuer.issuer}/` })],
    ['a list of issuers', 'issuer not configured', () => sign({ iss: [issuer.issuer] })],
    ['the key of another issuer', 'ERR_JWKS_NO_MATCHING_KEY', () => issuer.sign({}, { key: attacker.key })],
    ['no exp', 'exp missing', () => sign({ exp: undefined })],
    ['exp in the past', 'ERR_JWT_EXPIRED', () => sign({ exp: now - 60 })],
    ['exp zero', 'ERR_JWT_EXPIRED', () => sign({ exp: 0 })],
    ['exp a string', 'exp invalid', () => sign({ exp: String(now + 300) })],
    ['exp null', 'exp invalid', () => sign({ exp: null })],
    ['nbf in the future', 'nbf check_failed', () => sign({ nbf: now + 120 })],
    ['nbf a string', 'nbf invalid', () => sign({ nbf: 'soon' })],
    [
      'an unknown crit',
      'ERR_JOSE_NOT_SUPPORTED',
      () => signBytes(JSON.stringify(claims), { crit: ['exp-x'], 'exp-x': 1 }),
    ],
    [
      'an empty crit',
      'ERR_JWS_INVALID',
      () => rawToken({ alg: 'ES256', kid: issuer.key.kid, crit: [] }, claims, 'AAAA'),
    ],
    ['the attacker key embedded as jwk', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ jwk: attacker.key.jwk })],
    [
      'the attacker key embedded, kid of ours',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      () => byAttacker({ jwk: attacker.key.jwk, kid: issuer.key.kid }),
    ],
    ['jku to the attacker', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ jku: attacker.jwks_url })],
    [
      'jku to the attacker, kid of ours',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      () => byAttacker({ jku: attacker.jwks_url, kid: issuer.key.kid }),
    ],
    ['x5u to the attacker', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ x5u: attacker.jwks_url })],
    ['x5c of the attacker', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ x5c: ['MIIBinvented'] })],
    [
      'iss and jku of the attacker',
      'issuer not configured',
      () => attacker.sign({}, { header: { jku: attacker.jwks_url } }),
    ],
    ['kid a URL of the attacker', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ kid: attacker.jwks_url })],
    ['kid a path', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ kid: '../../../../dev/null' })],
    ['kid SQL', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ kid: "' UNION SELECT 'key" })],
    ['kid __proto__', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ kid: '__proto__' })],
    ['kid a number', 'ERR_JWKS_NO_MATCHING_KEY', () => byAttacker({ kid: 0 })],
    ['an empty signature', 'not a compact JWS', async () => (await parts()).with(2, '').join('.')],
    [
      'a signature of zeros',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      async () => (await parts()).with(2, Buffer.alloc(64).toString('base64url')).join('.'),
    ],
    ['a shorter signature', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', async () => (await issuer.sign()).slice(0, -10)],
    ['a longer signature', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', async () => `${await issuer.sign()}AAAA`],
    ['a DER signature', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', derSignature],
    [
      'the signature of another token',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      async () => (await parts()).with(2, (await sign({ sub: 'user_2' })).split('.')[2]!).join('.'),
    ],
    [
      'another payload under the signature',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      async () => (await parts()).with(1, rawToken('', { ...claims, sub: 'user_2' }, '').split('.')[1]!).join('.'),
    ],
    ['padding', 'not a compact JWS', async () => `${await issuer.sign()}==`],
    ['two parts', 'not a compact JWS', async () => (await parts()).slice(0, 2).join('.')],
    ['one part', 'not a compact JWS', async () => (await parts())[1]],
    ['a part too many', 'not a compact JWS', async () => `${await issuer.sign()}.AAAA`],
    ['an empty payload', 'not a compact JWS', async () => (await parts()).with(1, '').join('.')],
    ['an empty header', 'not a compact JWS', async () => (await parts()).with(0, '').join('.')],
    ['only dots', 'not a compact JWS', () => '..'],
    ['five parts: encrypted', 'not a compact JWS', jwe],
    ['a megabyte', 'credential too long', () => sign({ filler: 'x'.repeat(1_000_000) })],
    ['the payload a list', 'ERR_JWT_INVALID', () => signBytes(JSON.stringify([claims]))],
    ['the payload no JSON', 'ERR_JWT_INVALID', () => signBytes('invented')],
    [
      'the payload not UTF-8',
      'ERR_JWT_INVALID',
      () =>
        signBytes(
          Buffer.concat([
            Buffer.from(JSON.stringify({ ...claims, x: '' }).slice(0, -2)),
            Buffer.from([0xff, 0x22, 0x7d]),
          ]),
        ),
    ],
    ['two sub', 'repeated claim', () => signBytes(JSON.stringify(claims).replace('{', '{"sub":"user_2",'))],
    [
      'two sub, one escaped',
      'repeated claim',
      () => signBytes(JSON.stringify(claims).replace('{', String.raw`{"s\u0075b":"user_2",`)),
    ],
    ['two exp', 'repeated claim', () => signBytes(JSON.stringify(claims).replace('{', '{"exp":1,'))],
    ['sub a number', 'user claim is not a string', () => sign({ sub: 7 })],
    ['sub a list', 'user claim is not a string', () => sign({ sub: ['user_1'] })],
    ['sub null', 'user claim is not a string', () => sign({ sub: null })],
    ['sub missing', 'sub missing', () => sign({ sub: undefined })],
    ['sub empty', 'user claim is not a user id', () => sign({ sub: '' })],
    ['sub with a bidirectional control', 'user claim is not a user id', () => sign({ sub: 'user\u202e_2' })],
    ['sub with a line break', 'user claim is not a user id', () => sign({ sub: 'user_1\n' })],
    ['sub half a character', 'user claim is not a user id', () => sign({ sub: 'user_\ud800' })],
    ['sub too long', 'user claim is not a user id', () => sign({ sub: 'u'.repeat(256) })],
    [
      'an algorithm that is not listed',
      'ERR_JOSE_ALG_NOT_ALLOWED',
      () => issuer.sign({}, { key: { ...rsa, kid: issuer.key.kid } }),
    ],
    ['a logout token', 'typ not accepted', () => sign({}, { typ: 'logout+jwt' })],
    ['a DPoP proof', 'typ not accepted', () => sign({}, { typ: 'dpop+jwt' })],
  ]
}

function pem({ jwk }: SigningKey): string {
  return createPublicKey({ key: { ...jwk }, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString()
}
