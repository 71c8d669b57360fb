/** A read refreshes what is over, exactly once, and says what it cannot (docs/promises.md R1, R5). */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { openReader, openScene } from './scene.ts'

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds

test('a hundred readers of one expired account cause one request, and all get the new token', async () => {
  const { server, connect, open, row } = await openScene()
  const grant = await connect('u1')
  const readers = [open(), open(), open()]
  const answers = await Promise.all(readers.flatMap(({ read }) => Array.from({ length: 34 }, () => read('u1'))))
  const { alive, accessToken } = server.grant(grant.id)
  expect({ posts: server.posts, alive }).toEqual({ posts: 1, alive: true })
  expect(new Set(answers.map(({ token }) => token))).toEqual(new Set([accessToken]))
  expect(answers.every(({ problem }) => problem === null)).toBe(true)
  expect(await row('u1')).toMatchObject({ state: 'ACTIVE', generation: 2, lease_owner: null, attempt_started_ms: null })
})

test('a token that lives long enough is handed out without a request; one that does not is refreshed first', async () => {
  const { server, connect, open } = await openScene()
  const grant = await connect('u1', inSeconds(300))
  const { read } = open()
  expect(await read('u1', { minimum: 60 })).toMatchObject({ token: grant.accessToken })
  expect(server.posts).toBe(0)
  expect((await read('u1', { minimum: 600 })).token).not.toBe(grant.accessToken)
  expect(server.posts).toBe(1)
})

test('a caller who asks for more than a whole life gets one refresh, and not one for each read', async () => {
  const { server, connect, open } = await openScene({ accessSeconds: 600 })
  await connect('u1')
  const { read } = open()
  for (let n = 0; n < 5; n++) await read('u1', { minimum: 3600 })
  expect(server.posts).toBe(1)
})

test('refresh after refresh presents the refresh token of the last answer', async () => {
  const { server, connect, open } = await openScene({ accessSeconds: 1 })
  const grant = await connect('u1')
  const { read } = open()
  for (let n = 0; n < 4; n++) {
    expect((await read('u1', { minimum: 0 })).token).toBe(server.grant(grant.id).accessToken)
    await sleep(1100)
  }
  expect(server.grant(grant.id)).toMatchObject({ alive: true, posts: 4 })
})

test('a refresh goes on when its only caller leaves', async () => {
  const { server, connect, open, row } = await openScene()
  const grant = await connect('u1')
  server.behave(() => ({ delayMs: 300 }))
  const { read, upstream } = open()
  const leaving = new AbortController()
  const reading = read('u1', { signal: leaving.signal })
  await expect.poll(() => server.posts).toBe(1)
  leaving.abort(new Error('the caller has left'))
  await expect(reading).rejects.toThrow('the caller has left')
  await upstream.finish?.()
  expect(await row('u1')).toMatchObject({ generation: 2, state: 'ACTIVE' })
  expect((await open().read('u1')).token).toBe(server.grant(grant.id).accessToken)
  expect(server.posts).toBe(1)
})

test('at the deadline of the caller a token that still lives is handed out, and the refresh goes on', async () => {
  const { server, connect, open } = await openScene()
  const grant = await connect('u1', inSeconds(100))
  server.behave(() => ({ delayMs: 700 }))
  const { read, upstream } = open()
  await upstream.ready
  const deadline = performance.now() + 400
  const answer = await read('u1', { minimum: 600, deadline: () => deadline })
  expect(answer).toMatchObject({ token: grant.accessToken })
  await upstream.finish?.()
  expect((await read('u1')).token).not.toBe(grant.accessToken)
})

describe('an import while the refresh token is presented', () => {
  const account = { user_id: 'u1', provider: 'acme', external_account_id: 'a_u1' }

  test('of a record without one, or with the same: what comes back is kept, and nobody else presents it', async () => {
    for (const names of [[], ['refresh_token']] as const) {
      const { server, connect, open, row, store } = await openScene({ reuse: 'refused' })
      const grant = await connect('u1')
      server.behave(() => ({ delayMs: 500 }))
      const [first, second] = [open(), open()]
      const reading = first.read('u1')
      await expect.poll(() => server.posts).toBe(1)
      const before = await row('u1')
      const given = { ...account, token: 'invented-old', expires_at: 1_700_000_001, label: 'work' }
      const same = names.length === 0 ? {} : { refresh_token: grant.refreshToken }
      await writeAccounts(store, [accountRecord.parse({ ...given, ...same })])
      const { lease_owner, attempt_digest } = before
      expect(await row('u1')).toMatchObject({ label: 'work', lease_owner, attempt_digest })
      const also = second.read('u1')
      const { alive, accessToken } = server.grant(grant.id)
      expect([(await reading).problem, (await also).problem, alive]).toEqual([null, null, true])
      expect((await first.read('u1')).token).toBe(server.grant(grant.id).accessToken)
      expect(accessToken).not.toBe('')
      expect(await row('u1')).toMatchObject({ state: 'ACTIVE', label: 'work', lease_owner: null })
      expect(server.posts).toBe(1)
      expect(first.warnings).toEqual([])
    }
  })

  test('of a record with another one: that is the live one, and what comes back is not', async () => {
    const { server, connect, open, row, store } = await openScene()
    await connect('u1')
    server.behave(() => ({ delayMs: 500 }))
    const { read, warnings } = open()
    const reading = read('u1')
    await expect.poll(() => server.posts).toBe(1)
    const other = server.newGrant()
    const given = { ...account, token: other.accessToken, refresh_token: other.refreshToken, expires_at: null }
    await writeAccounts(store, [accountRecord.parse(given)])
    expect(await row('u1')).toMatchObject({ lease_owner: null, attempt_digest: null })
    await reading
    expect((await read('u1')).token).toBe(other.accessToken)
    expect(warnings.map(({ message }) => message)).toEqual(['new tokens came too late: others were stored meanwhile'])
  })
})

describe('what the provider answers', () => {
  test('a dead grant: consent, at once where the token is over, at its end where it still lives', async () => {
    const { connect, open, row, server } = await openScene()
    await connect('over')
    await connect('alive', inSeconds(100))
    server.behave(() => 'invalid_grant')
    const { read } = open()
    expect(await read('over')).toMatchObject({ problem: 'REAUTHORIZATION_REQUIRED' })
    expect(await row('over')).toMatchObject({ state: 'REAUTHORIZATION_REQUIRED', state_reason: 'GRANT_DEAD' })
    expect(await read('alive', { minimum: 600 })).toMatchObject({ token: expect.any(String) as string })
    expect(await row('alive')).toMatchObject({ state: 'EXPIRING', last_error_class: 'grant_dead' })
    const { posts } = server
    await read('over')
    await read('alive', { minimum: 600 })
    expect(server.posts).toBe(posts)
  })

  test.each(['500', '429', 'html', 'reset'] as const)('%s: no consent is asked for, and it recovers', async (how) => {
    const { connect, open, row, server } = await openScene({ reuse: 'refused' })
    const grant = await connect('u1')
    server.behave(() => how)
    const { read } = open()
    const { problem } = await read('u1')
    expect(problem).toBe(how === '429' ? 'UPSTREAM_RATE_LIMITED' : 'UPSTREAM_UNAVAILABLE')
    expect(['ACTIVE', 'AMBIGUOUS']).toContain((await row('u1')).state)
    server.behave(() => 'ok')
    await expect.poll(async () => (await read('u1')).problem, { timeout: 8000, interval: 200 }).toBeNull()
    expect(server.grant(grant.id).alive).toBe(true)
    expect(await row('u1')).toMatchObject({ state: 'ACTIVE', next_attempt_ms: null, attempts: 0 })
  })

  test('nobody there: the refresh token is unspent, and it recovers', async () => {
    const { connect, open, row, server } = await openScene()
    await connect('u1')
    await server.stop()
    const { read } = open()
    expect(await read('u1')).toMatchObject({ problem: 'UPSTREAM_UNAVAILABLE' })
    expect(await row('u1')).toMatchObject({
      state: 'ACTIVE',
      attempt_started_ms: null,
      last_error_class: 'unreachable',
    })
    await server.start()
    await expect.poll(async () => (await read('u1')).problem, { timeout: 8000, interval: 200 }).toBeNull()
  })

  test('a token that lives is handed out through an outage, without a wait for each read', async () => {
    const { connect, open, server } = await openScene()
    const grant = await connect('u1', inSeconds(200))
    server.behave(() => '500')
    const { read } = open()
    for (let n = 0; n < 10; n++) expect(await read('u1', { minimum: 600 })).toMatchObject({ token: grant.accessToken })
    expect(server.posts).toBe(1)
  })

  test('a wrong secret: after three accounts no other asks, none changes, and the right one is taken at once', async () => {
    const { connect, open, row, server, options } = await openScene()
    const users = Array.from({ length: 12 }, (_, n) => `u${String(n)}`)
    for (const user of users) await connect(user)
    server.setSecret('another-invented-secret')
    const first = open()
    for (const user of users) expect(await first.read(user).catch((error: unknown) => error)).toBeTruthy()
    expect(server.posts).toBe(3)
    for (const user of users) expect(await row(user)).toMatchObject({ state: 'ACTIVE' })
    expect(first.warnings.map(({ message }) => message)).toEqual([
      'the provider refuses the client: correct its credentials',
    ])
    // Another process knows, too.
    await open()
      .read('u9')
      .catch(() => undefined)
    expect(server.posts).toBe(3)
    const corrected = {
      ...options,
      clients: { acme: { client_id: 'invented-client', client_secret: 'another-invented-secret' } },
    }
    expect(await openReader(corrected).read('u9')).toMatchObject({ problem: null })
  })
})

describe('an answer that was lost after the provider rotated', () => {
  test.each(['rotate-then-500', 'rotate-then-reset', 'rotate-then-html'] as const)(
    '%s: inside a grace the same request brings it back',
    async (how) => {
      const { connect, open, server, row } = await openScene({ graceSeconds: 60, reuse: 'revokes_family' })
      const grant = await connect('u1')
      server.behave((post) => (post === 1 ? how : 'ok'))
      expect(await open().read('u1')).toMatchObject({ problem: null })
      expect(server.grant(grant.id)).toMatchObject({ alive: true, posts: 2 })
      expect(await row('u1')).toMatchObject({ state: 'ACTIVE', generation: 2 })
    },
  )

  test('without a grace, nothing is presented while the token lives, and the grant is not killed', async () => {
    const { connect, open, server, row } = await openScene({ reuse: 'revokes_family' })
    const grant = await connect('u1', inSeconds(100))
    server.behave((post) => (post === 1 ? 'rotate-then-reset' : 'ok'))
    const { read, warnings } = open()
    for (let n = 0; n < 3; n++) expect(await read('u1', { minimum: 600 })).toMatchObject({ token: grant.accessToken })
    expect(await row('u1')).toMatchObject({ state: 'AMBIGUOUS' })
    expect(server.grant(grant.id)).toMatchObject({ alive: true, posts: 1 })
    expect(warnings.map(({ message }) => message)).toContain('a refresh token may have been spent without an answer')
  })

  test('without a grace, where a spent token is only refused: one try, then consent, with the reason', async () => {
    const { connect, open, server, row } = await openScene({ reuse: 'refused' })
    const grant = await connect('u1')
    server.behave((post) => (post === 1 ? 'rotate-then-reset' : 'ok'))
    const { read } = open()
    await read('u1')
    await expect
      .poll(async () => (await read('u1')).problem, { timeout: 8000, interval: 200 })
      .toBe('REAUTHORIZATION_REQUIRED')
    expect(await row('u1')).toMatchObject({ state: 'REAUTHORIZATION_REQUIRED', state_reason: 'AMBIGUOUS_ROTATION' })
    expect(server.grant(grant.id).posts).toBe(2)
  })

  test('tokens beside an unreadable ID token are stored', async () => {
    const { connect, open, server } = await openScene()
    const grant = await connect('u1')
    server.behave(() => 'bad-id-token')
    expect((await open().read('u1')).token).toBe(server.grant(grant.id).accessToken)
  })
})
