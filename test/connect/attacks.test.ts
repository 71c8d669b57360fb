/** docs/promises.md S15: attackers who start, finish, replay or redirect a connection, and have nothing of it. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../kit/database.ts'
import { startOAuthProvider } from '../servers/oauth-provider.ts'
import {
  begin,
  callbackOf,
  newVerifier,
  openBrowser,
  openConnectScene,
  openSceneAt,
  RETURN_TO,
  returnedTo,
} from './scene.ts'
import type { Scene } from './scene.ts'

async function expectNothing(scene: Scene, ...users: readonly string[]): Promise<void> {
  for (const user of users) {
    const { data } = await scene.app(user).tokens(user)
    expect(data!.user.oauth_access_tokens, user).toStrictEqual([])
  }
}

const proofError = [
  {
    message: 'completion_code and code_verifier do not belong to this connection request.',
    extensions: { code: 'BAD_USER_INPUT' },
  },
]
const strangerError = [
  {
    message: 'connection_request_id is no connection request of this user.',
    extensions: { code: 'BAD_USER_INPUT' },
  },
]

test('the attacker starts and the victim finishes: the application of the victim cannot finish it, nor can the attacker', async () => {
  const scene = await openConnectScene()
  const { proof, ...begun } = await begin(scene, 'attacker')
  // The victim opens the link and consents with their own account.
  const stop = await openBrowser().go(begun.authorization_url)
  const stolen = returnedTo(stop, newVerifier())
  expect((await scene.app('victim').finish(stolen)).errors).toMatchObject(strangerError)
  // The attacker lacks what the victim's browser brought back.
  const guess = { ...stolen, completion_code: newVerifier().verifier, code_verifier: proof.verifier }
  expect((await scene.app('attacker').finish(guess)).errors).toMatchObject(proofError)
  expect((await scene.app('attacker').finish({ ...guess, completion_code: '' })).errors).toMatchObject(proofError)
  await expectNothing(scene, 'victim', 'attacker')
})

test('the victim starts and the attacker brings a code: the browser of the victim is refused', async () => {
  const scene = await openConnectScene()
  const victim = openBrowser()
  await callbackOf(await begin(scene, 'victim'), victim)
  const planted = await callbackOf(await begin(scene, 'attacker'))
  const { status, text } = await victim.go(planted.href)
  expect([status, text]).toMatchObject([403, expect.stringContaining('begun in another browser')])
  await expectNothing(scene, 'victim', 'attacker')
})

test('a link of the attacker that leads to the application finishes nothing for the victim', async () => {
  const scene = await openConnectScene()
  const attacker = await begin(scene, 'attacker')
  const stop = await openBrowser().go(attacker.authorization_url)
  const victim = await begin(scene, 'victim')
  const input = returnedTo(stop, victim.proof)
  expect((await scene.app('victim').finish(input)).errors).toMatchObject(strangerError)
  expect((await scene.app('victim').status(attacker.connection_request_id)).data).toStrictEqual({
    connection_request: null,
  })
  await expectNothing(scene, 'victim', 'attacker')
})

test('a cookie of the attacker does not bind the browser of the victim', async () => {
  const scene = await openConnectScene()
  const [attacker, victim] = [openBrowser(), openBrowser()]
  const theirs = await callbackOf(await begin(scene, 'attacker'), attacker)
  const own = await begin(scene, 'victim')
  // Planted before the victim opens the link: the names differ, and a value that is not of the request is replaced.
  const [[name, value] = ['', '']] = [...attacker.jar.get(scene.publicUrl)!]
  victim.jar.set(scene.publicUrl, new Map([[name, value]]))
  const mine = await callbackOf(own, victim)
  const names = [...victim.jar.get(scene.publicUrl)!.keys()].filter((each) => each !== name)
  expect(names).toHaveLength(1)
  for (const each of names) victim.jar.get(scene.publicUrl)!.set(each, value)
  expect((await victim.go(mine.href)).status).toBe(403)
  await expectNothing(scene, 'victim', 'attacker')
  expect(theirs.searchParams.get('state')).not.toBe(mine.searchParams.get('state'))
})

test('of two browsers the one that opened the link last goes on', async () => {
  const scene = await openConnectScene()
  const begun = await begin(scene, 'user_1')
  const [scanner, person] = [openBrowser(), openBrowser()]
  const first = await callbackOf(begun, scanner)
  const second = await callbackOf(begun, person)
  expect((await scanner.go(first.href)).status).toBe(403)
  const stop = await person.go(second.href)
  expect(stop.url.href).toContain(RETURN_TO)
})

test('a callback counts once, whatever it brings', async () => {
  const scene = await openConnectScene()
  const begun = await begin(scene, 'user_1')
  const browser = openBrowser()
  const callback = await callbackOf(begun, browser)
  const cookies = new Map(browser.jar.get(scene.publicUrl))
  const stop = await browser.go(callback.href)
  browser.jar.set(scene.publicUrl, cookies)
  expect((await browser.go(callback.href)).status).toBe(410)
  expect((await openBrowser().go(begun.authorization_url)).status).toBe(410)
  const input = returnedTo(stop, begun.proof)
  expect((await scene.app('user_1').finish(input)).data!.finish_connection.status).toBe('CONNECTED')
})

test.each([
  [
    'no state',
    (url: URL) => {
      url.searchParams.delete('state')
    },
    404,
  ],
  [
    'a state of nobody',
    (url: URL) => {
      url.searchParams.set('state', 'x'.repeat(43))
    },
    404,
  ],
  [
    'a long state',
    (url: URL) => {
      url.searchParams.set('state', 'x'.repeat(5000))
    },
    404,
  ],
  [
    'the path of another client',
    (url: URL) => {
      url.pathname = '/connect/callback/other'
    },
    404,
  ],
  [
    'a path that is none',
    (url: URL) => {
      url.pathname = '/connect/callback/a/b'
    },
    404,
  ],
])('a callback with %s leads nowhere', async (_, edit, status) => {
  const scene = await openConnectScene()
  const browser = openBrowser()
  const callback = await callbackOf(await begin(scene, 'user_1'), browser)
  edit(callback)
  expect((await browser.go(callback.href)).status).toBe(status)
  await expectNothing(scene, 'user_1')
})

test.each([
  'https://evil.example.invalid/',
  'http://127.0.0.1:9/settings/',
  'http://127.0.0.1:9/settings?next=https://evil.example.invalid',
  'http://127.0.0.1:9/settings#x',
  'http://127.0.0.1:9/Settings',
  'http://user@127.0.0.1:9/settings',
  'http://127.0.0.1:9/settings/../evil',
  '//evil.example.invalid',
  'javascript:alert(1)',
  '',
])('return_to %s is refused', async (returnTo) => {
  const scene = await openConnectScene()
  const { errors } = await scene.app('user_1').start({ return_to: returnTo, code_challenge: newVerifier().challenge })
  expect(errors).toMatchObject([
    { extensions: { code: 'BAD_USER_INPUT' }, message: expect.stringContaining('return_to') },
  ])
})

test.each(['', 'short', 'x'.repeat(44), `${'x'.repeat(42)}=`, `${'x'.repeat(42)} `])(
  'the challenge "%s" is refused',
  async (challenge) => {
    const scene = await openConnectScene()
    const { errors } = await scene.app('user_1').start({ code_challenge: challenge })
    expect(errors).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT' }, message: expect.stringContaining('code_challenge') },
    ])
  },
)

describe('who may finish', () => {
  test('the verifier alone, or the code alone, is not enough', async () => {
    const scene = await openConnectScene()
    const begun = await begin(scene, 'user_1')
    const input = returnedTo(await openBrowser().go(begun.authorization_url), begun.proof)
    const app = scene.app('user_1')
    for (const wrong of [
      { code_verifier: newVerifier().verifier },
      { code_verifier: '' },
      { code_verifier: begun.proof.challenge },
      { completion_code: newVerifier().verifier },
      { completion_code: '' },
    ])
      expect((await app.finish({ ...input, ...wrong })).errors).toMatchObject(proofError)
    // None of that spent it.
    expect((await app.finish(input)).data!.finish_connection.status).toBe('CONNECTED')
  })

  test('another user, a service without the right and nobody look alike, and the audit has them', async () => {
    const scene = await openConnectScene()
    const begun = await begin(scene, 'user_1')
    const input = returnedTo(await openBrowser().go(begun.authorization_url), begun.proof)
    for (const app of [scene.app('user_2'), scene.reader])
      expect((await app.finish(input)).errors).toMatchObject(strangerError)
    const unknown = { ...input, connection_request_id: newVerifier().verifier }
    expect((await scene.app('user_1').finish(unknown)).errors).toMatchObject(strangerError)
    await expectNothing(scene, 'user_1', 'user_2')
  })
})

describe('too late', () => {
  /** As if so many milliseconds had gone by. */
  function goBy({ vaultPath }: Scene, ms: number): void {
    using file = openDatabase(vaultPath)
    file.exec(
      `UPDATE connect_requests SET expires_at_ms = expires_at_ms - ${String(ms)}, completion_until_ms = completion_until_ms - ${String(ms)}`,
    )
  }

  test('the start and the callback after ten minutes', async () => {
    const scene = await openConnectScene()
    const begun = await begin(scene, 'user_1')
    const browser = openBrowser()
    const callback = await callbackOf(begun, browser)
    goBy(scene, 600_000)
    expect((await browser.go(callback.href)).status).toBe(410)
    expect((await openBrowser().go(begun.authorization_url)).status).toBe(410)
    const { data } = await scene.app('user_1').status(begun.connection_request_id)
    expect(data!.connection_request!.status).toBe('EXPIRED')
  })

  test('the finish a minute after the return', async () => {
    const scene = await openConnectScene()
    const begun = await begin(scene, 'user_1')
    const input = returnedTo(await openBrowser().go(begun.authorization_url), begun.proof)
    goBy(scene, 60_000)
    expect((await scene.app('user_1').finish(input)).data!.finish_connection.status).toBe('EXPIRED')
    await expectNothing(scene, 'user_1')
  })
})

describe('mix-up (RFC 9207)', () => {
  test('a callback that names another issuer is refused, and one of the right issuer is not', async () => {
    const provider = await startOAuthProvider()
    onTestFinished(() => provider.close())
    const scene = await openSceneAt(provider, { provider: { issuer: provider.url } })
    for (const [issuer, isRefused] of [
      ['https://lying.example.invalid', true],
      [`${provider.url}/`, true],
      [provider.url, false],
    ] as const) {
      const begun = await begin(scene, 'user_1')
      const browser = openBrowser()
      const callback = await callbackOf(begun, browser)
      callback.searchParams.set('iss', issuer)
      const stop = await browser.go(callback.href)
      expect(stop.url.searchParams.get('error'), issuer).toBe(isRefused ? 'connection_failed' : null)
      expect(stop.url.searchParams.has('completion_code'), issuer).toBe(!isRefused)
    }
  })
})

test('no log line holds a code, a state, a cookie or a completion code', async () => {
  const scene = await openConnectScene()
  const begun = await begin(scene, 'user_1')
  const browser = openBrowser()
  const callback = await callbackOf(begun, browser)
  const cookies = [...browser.jar.get(scene.publicUrl)!.values()]
  const stop = await browser.go(callback.href)
  const input = returnedTo(stop, begun.proof)
  await scene.app('user_1').finish(input)
  const log = scene.server.logged.join('\n')
  expect(log).toContain('"path":"/connect/callback"')
  const secrets = [...cookies, input.completion_code, input.code_verifier, input.connection_request_id]
  for (const secret of [...secrets, callback.searchParams.get('code')!, callback.searchParams.get('state')!])
    expect(log).not.toContain(secret)
})
