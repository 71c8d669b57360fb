/** docs/promises.md S2: changing any signed part of a request to the real server gives 401, and calls no upstream. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesOf, KEY, sign, startProved, TOKEN } from './support.ts'
import type { Proved, Signed, SignOptions } from './support.ts'

let proved: Proved

beforeAll(async () => {
  proved = await startProved({ signatures: { keys: [KEY, { ...KEY, id: 'router-2' }] } })
})
afterAll(() => proved[Symbol.asyncDispose]())

const credential = () => `Bearer ${proved.server.key}`

/** A signed request with these headers changed; undefined removes one. */
async function tampered(
  headers: (signed: Signed) => Readonly<Record<string, string | undefined>>,
  options: SignOptions = {},
) {
  const signed = await sign({ authorization: credential(), ...options })
  const merged = Object.entries({ ...signed.headers, ...headers(signed) })
  return {
    ...signed,
    headers: Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== undefined)),
  }
}

const replaceIn = (header: string, from: string | RegExp, to: string) => (signed: Signed) => {
  const key = Object.keys(signed.headers).find((name) => name.toLowerCase() === header)!
  const value = signed.headers[key]!.replace(from, to)
  expect(value).not.toBe(signed.headers[key])
  return { [key]: value }
}

async function expectRefused(request: Partial<Signed> & { method?: string }) {
  const calls = proved.clerk.calls.length
  const { status, answer } = await proved.send(request)
  expect({ status, codes: codesOf(answer), messages: answer.errors?.map(({ message }) => message) }).toEqual({
    status: 401,
    codes: ['UNAUTHENTICATED'],
    messages: ['The request carries no valid proof of a gateway.'],
  })
  expect(proved.clerk.calls).toHaveLength(calls)
}

it('answers an unchanged request, with any order of the components and with SHA-512', async () => {
  const plain = await sign({ authorization: credential() })
  const reordered = await sign({
    authorization: credential(),
    fields: ['authorization', 'content-digest', '@path', '@method'],
    digest: 'sha-512',
  })
  for (const signed of [plain, reordered]) {
    const { status, answer } = await proved.send(signed)
    expect(answer).toEqual({ data: { user: { oauth_access_tokens: [{ token: TOKEN }] } } })
    expect(status).toBe(200)
  }
})

describe('refuses', () => {
  it('a request without a signature, or with half of one', async () => {
    await expectRefused({ headers: { authorization: credential() } })
    await expectRefused(await tampered(() => ({ Signature: undefined })))
    await expectRefused(await tampered(() => ({ 'Signature-Input': undefined })))
  })

  it('a changed method or path', async () => {
    await expectRefused(await sign({ authorization: credential(), method: 'PUT' }))
    await expectRefused(await sign({ authorization: credential(), url: 'http://127.0.0.1/other' }))
  })

  it('a changed body, also of the same length', async () => {
    const signed = await sign({ authorization: credential() })
    await expectRefused({ ...signed, body: signed.body.replace('user_1', 'user_2') })
    const again = await sign({ authorization: credential() })
    await expectRefused({ ...again, body: `${again.body} ` })
  })

  it('a changed digest, the digest of another body, and no digest', async () => {
    const other = await sign({ body: 'another' })
    await expectRefused(await tampered(() => ({ 'content-digest': other.headers['content-digest'] })))
    await expectRefused(await tampered(replaceIn('content-digest', 'sha-256', 'sha-512')))
    await expectRefused(await tampered(() => ({ 'content-digest': undefined })))
  })

  it('a signed digest of an insecure algorithm', async () => {
    await expectRefused(await sign({ authorization: credential(), digest: 'md5' }))
  })

  it('a changed, removed or added credential', async () => {
    await expectRefused(await tampered(() => ({ authorization: `Bearer ${proved.server.key}x` })))
    await expectRefused(await tampered(() => ({ authorization: credential().toLowerCase() })))
    await expectRefused(await tampered(() => ({ authorization: undefined })))
    await expectRefused(await tampered(() => ({ authorization: credential() }), { authorization: null }))
  })

  it.each([
    ['created', /created=\d+/, 'created=1'],
    ['created, as another number', /created=(\d+)/, 'created=$1.5'],
    ['the nonce', /nonce="./, 'nonce="!'],
    ['the key id, for another known key', 'keyid="router-1"', 'keyid="router-2-"'],
    ['the algorithm', 'alg="hmac-sha256"', 'alg="ed25519"'],
    ['the order of the components', '"@method" "@path"', '"@path" "@method"'],
    ['a component that is left out', '"@method" ', ''],
    ['a component that is added', '"@method"', '"@method" "content-type"'],
    ['a component that is named twice', '"@method"', '"@method" "@method"'],
    ['a component with a parameter', '"@path"', '"@path";req'],
    ['the order of the parameters', /(;created=\d+)(;nonce="[^"]+")/, '$2$1'],
    ['a parameter that is left out', ';alg="hmac-sha256"', ''],
    ['a parameter that is added', ';alg=', ';tag="x";alg='],
    ['the label', /^sig=/, 'other='],
    ['everything', /^.*$/, 'no dictionary at all ('],
  ])('a changed Signature-Input: %s', async (_what, from, to) => {
    await expectRefused(await tampered(replaceIn('signature-input', from, to)))
  })

  it('the id of another key with the same secret', async () => {
    await expectRefused(await tampered(replaceIn('signature-input', 'keyid="router-1"', 'keyid="router-2"')))
  })

  it('a changed signature: one bit, a shorter one, another type', async () => {
    await expectRefused(
      await tampered(({ headers }) => ({
        Signature: headers.Signature!.replace(/:(.)/, (_all, first) => `:${first === 'A' ? 'B' : 'A'}`),
      })),
    )
    await expectRefused(await tampered(() => ({ Signature: 'sig=:AAAA:' })))
    await expectRefused(await tampered(replaceIn('signature', /:(.*):/, '"$1"')))
  })

  it.each([
    ['does not cover the method', { fields: ['@path', 'content-digest', 'authorization'] }],
    ['does not cover the path', { fields: ['@method', 'content-digest', 'authorization'] }],
    ['does not cover the body', { fields: ['@method', '@path', 'authorization'] }],
    ['does not cover the credential', { fields: ['@method', '@path', 'content-digest'] }],
    ['covers nothing', { fields: [] }],
    ['covers more', { fields: ['@method', '@path', 'content-digest', 'authorization', '@authority'] }],
    ['has no time', { params: ['nonce', 'keyid', 'alg'] }],
    ['has no nonce', { params: ['created', 'keyid', 'alg'] }],
    ['has no key id', { params: ['created', 'nonce', 'alg'] }],
    ['has no algorithm', { params: ['created', 'nonce', 'keyid'] }],
    ['has another parameter', { params: ['created', 'nonce', 'keyid', 'alg', 'tag'], extra: { tag: 'x' } }],
    ['has a nonce that is too short', { nonce: 'short' }],
    ['has a nonce that is too long', { nonce: 'n'.repeat(129) }],
    ['is of an unknown key', { keyid: 'router-9' }],
    ['is by another secret', { key: `${KEY.secret}x` }],
    ['is of another time', { age: 3_600_000 }],
  ] satisfies [string, SignOptions][])('a complete signature that %s', async (_what, options) => {
    await expectRefused(await sign({ authorization: credential(), ...options }))
  })

  it('with a reason in the log only, and without values', async () => {
    const signed = await sign({ authorization: credential(), key: `${KEY.secret}x` })
    proved.server.logged.length = 0
    await expectRefused(signed)
    const line = proved.server.logged.find((text) => text.includes('gateway proof refused'))!
    expect(JSON.parse(line)).toMatchObject({ reason: 'signature: does not hold' })
    const all = proved.server.logged.join('')
    for (const value of [KEY.secret, proved.server.key, ...Object.values(signed.headers)])
      expect(all).not.toContain(value)
  })
})
