/** Ciphertext is opened by the configured secret or refused; what was stored before the encryption is read as it is. */
import { symmetricEncrypt } from 'better-auth/crypto'
import { expect, test } from 'vitest'
import { startTestServer } from '../kit/server.ts'
import { shown } from '../upstreams/support.ts'
import { appSecret } from './app.ts'
import { everythingOf } from '../kit/errors.ts'
import { createAppFile, openBetterAuth } from './open.ts'

const token = 'invented-token-1'
// Forty hex digits, as GitHub's older tokens: better-auth takes it for ciphertext (docs/platforms/better-auth.md section 2).
const hexToken = '0123456789abcdef0123456789abcdef01234567'
const longHexToken = hexToken.repeat(4)

async function readOne(stored: string, options: object) {
  using app = createAppFile()
  app.add({ accessToken: stored })
  await using opened = openBetterAuth({ database: { sqlite: app.path }, ...options })
  const answer = await opened.read('user_1', 'github')
  if (answer === undefined) throw new Error('the key has no answer')
  return answer instanceof Error ? answer : answer.map((row) => shown(row).token)
}

const encrypted = { encrypted: true, secret: appSecret }

test('with encryption, the token is what better-auth encrypted', async () => {
  const stored = await symmetricEncrypt({ key: appSecret, data: token })
  expect(await readOne(stored, encrypted)).toEqual([token])
})

test('a hex token survives encryption', async () => {
  const stored = await symmetricEncrypt({ key: appSecret, data: hexToken })
  expect(await readOne(stored, encrypted)).toEqual([hexToken])
})

test.each([
  ['plain text', token],
  ['a hex token in plain text', hexToken],
  ['an odd number of hex digits', `${longHexToken}a`],
])('with encryption, %s was stored before it and is read', async (_, stored) => {
  expect(await readOne(stored, encrypted)).toEqual([stored])
})

test.each([
  ['a long hex token in plain text', longHexToken],
  ['an envelope without a version', `$ba$$${longHexToken}`],
  ['an envelope around plain text', `$ba$1$${token}`],
])('with encryption, %s is refused', async (_, stored) => {
  const answer = await readOne(stored, encrypted)
  expect(answer).toMatchObject({ code: 'UPSTREAM_REJECTED' })
  expect(everythingOf(answer as Error)).not.toContain(stored)
  expect(everythingOf(answer as Error)).not.toContain(appSecret)
})

test('with another secret, nothing is read', async () => {
  const stored = await symmetricEncrypt({ key: 'invented-other-secret', data: token })
  const answer = await readOne(stored, encrypted)
  expect(answer).toMatchObject({
    code: 'UPSTREAM_REJECTED',
    message: 'The stored token cannot be decrypted with the configured secret.',
  })
  expect(everythingOf(answer as Error)).not.toContain(stored)
})

test('a changed byte is noticed', async () => {
  const stored = await symmetricEncrypt({ key: appSecret, data: token })
  const changed = stored.slice(0, -1) + (stored.endsWith('0') ? '1' : '0')
  expect(await readOne(changed, encrypted)).toMatchObject({ code: 'UPSTREAM_REJECTED' })
})

test.each([token, hexToken, longHexToken])('without encryption, %s is the token', async (stored) => {
  expect(await readOne(stored, { encrypted: false })).toEqual([stored])
})

test('without encryption, an envelope of better-auth is refused', async () => {
  const key = { keys: new Map([[1, appSecret]]), currentVersion: 1 }
  const stored = await symmetricEncrypt({ key, data: token })
  expect(stored).toMatch(/^\$ba\$1\$/)
  expect(await readOne(stored, { encrypted: false })).toMatchObject({ code: 'UPSTREAM_REJECTED' })
})

test('versioned secrets read every version, and the single secret what came before', async () => {
  using app = createAppFile()
  const keys = new Map([
    [1, 'invented-secret-one'],
    [2, 'invented-secret-two'],
  ])
  for (const currentVersion of [1, 2])
    app.add({
      accessToken: await symmetricEncrypt({ key: { keys, currentVersion }, data: `token-${String(currentVersion)}` }),
    })
  app.add({ accessToken: await symmetricEncrypt({ key: appSecret, data: 'token-0' }) })
  const secrets = [...keys].map(([version, secret]) => ({ version, secret }))
  const database = { sqlite: app.path }
  await using opened = openBetterAuth({ database, encrypted: true, secrets, secret: appSecret })
  const rows = (await opened.read('user_1', 'github')) as Parameters<typeof shown>[0][]
  expect(rows.map((row) => shown(row).token)).toEqual(['token-1', 'token-2', 'token-0'])
  // The one whose secret is gone hides no other.
  await using retired = openBetterAuth({ database, encrypted: true, secrets: secrets.slice(1), secret: appSecret })
  const left = (await retired.read('user_1', 'github')) as Parameters<typeof shown>[0][]
  expect(left.map((row) => shown(row).token)).toEqual(['token-2', 'token-0'])
  await using without = openBetterAuth({ database, encrypted: true, secret: 'invented-other-secret' })
  expect(await without.read('user_1', 'github')).toMatchObject({ code: 'UPSTREAM_REJECTED' })
})

test("one user's damaged row fails that user only, and shows nothing to the caller", async () => {
  using app = createAppFile()
  const damaged = await symmetricEncrypt({ key: 'invented-other-secret', data: 'invented-plain-token' })
  app.add({ userId: 'user_1', accessToken: damaged })
  app.add({ userId: 'user_2', accessToken: await symmetricEncrypt({ key: appSecret, data: token }) })
  await using server = await startTestServer({
    file: { upstreams: { app: { platform: 'better-auth', database: { sqlite: app.path }, ...encrypted } } },
  })
  const { data, errors } = await server.ask(
    '{ users(ids: ["user_1", "user_2"]) { oauth_access_tokens(provider: "github") { token } } }',
  )
  expect(data).toEqual({ users: [{ oauth_access_tokens: null }, { oauth_access_tokens: [{ token }] }] })
  expect(errors).toMatchObject([
    {
      path: ['users', 0, 'oauth_access_tokens'],
      extensions: { code: 'UPSTREAM_REJECTED', upstream: 'app', provider: 'oauth_github' },
    },
  ])
  expect(JSON.stringify(errors) + server.logged.join('')).not.toMatch(new RegExp(`invented-plain-token|${damaged}`))
})

test.each([
  ['encrypted, as newer versions store it', true, 'eyJ.invented.id-token', 'eyJ.invented.id-token'],
  ['encrypted, where the configuration says that nothing is', false, 'eyJ.invented.id-token', null],
])('an ID token that is %s', async (_, isEncrypted, data, expected) => {
  const idToken = await symmetricEncrypt({ key: appSecret, data })
  const accessToken = isEncrypted ? await symmetricEncrypt({ key: appSecret, data: token }) : token
  using app = createAppFile()
  app.add({ accessToken, idToken })
  await using opened = openBetterAuth({
    database: { sqlite: app.path },
    ...(isEncrypted ? encrypted : { encrypted: false }),
  })
  const rows = (await opened.read('user_1', 'github')) as Parameters<typeof shown>[0][]
  expect(rows.map(shown)).toMatchObject([{ token, id_token: expected }])
})

test('an ID token that another secret encrypted is none, and its ciphertext is not handed out', async () => {
  using app = createAppFile()
  app.add({
    accessToken: await symmetricEncrypt({ key: appSecret, data: token }),
    idToken: await symmetricEncrypt({ key: 'invented-other-secret', data: 'eyJ.invented.id-token' }),
  })
  await using opened = openBetterAuth({ database: { sqlite: app.path }, ...encrypted })
  const rows = (await opened.read('user_1', 'github')) as Parameters<typeof shown>[0][]
  expect(rows.map(shown)).toMatchObject([{ token, id_token: null }])
})

test('rows of both kinds are read beside each other', async () => {
  using app = createAppFile()
  app.add({ accessToken: await symmetricEncrypt({ key: appSecret, data: token }) })
  app.add({ accessToken: 'invented-token-2' })
  await using opened = openBetterAuth({ database: { sqlite: app.path }, ...encrypted })
  const rows = (await opened.read('user_1', 'github')) as Parameters<typeof shown>[0][]
  expect(rows.map((row) => shown(row).token)).toEqual([token, 'invented-token-2'])
})
