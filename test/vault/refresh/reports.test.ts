/**
 * What went wrong in other projects, with the inputs of their reports: each test names one. The tables of answers
 * (`test/vault/answers/`), of pauses and due times (`decide.test.ts`) and the years (`years.test.ts`) have the others.
 */
import { expect, test } from 'vitest'
import type { Store } from '../../../src/upstreams/vault/store/store.ts'
import { openScene } from './scene.ts'

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds

/** Makes every stored token one that is over. */
async function expire({ sql }: Store): Promise<void> {
  await sql.run('UPDATE accounts SET expires_at = 1700000000')
}

/** A JWT without a signature that anybody could check. */
function jwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part(claims)}.`
}

test('oomol-lab/open-connector#266: an answer without expires_in keeps the lifetime of the one before; 1,000 reads are one request', async () => {
  const { server, connect, open, row, store } = await openScene({ accessSeconds: 3600 })
  const grant = await connect('u1')
  const { read } = open()
  await read('u1')
  server.behave(() => ({ answer: { expires_in: undefined } }))
  await expire(store)
  await read('u1')
  expect(server.posts).toBe(2)
  const { expires_at: expiresAt } = await row('u1')
  expect(Math.abs(Number(expiresAt) - inSeconds(3600))).toBeLessThan(30)
  const answers = new Set<string>()
  for (let n = 0; n < 1000; n++) answers.add((await read('u1')).token)
  expect({ posts: server.posts, answers }).toEqual({ posts: 2, answers: new Set([server.grant(grant.id).accessToken]) })
})

test('Consensys/ask-o11y-plugin#187: a token that never expires is not refreshed, and a refresh token that is left out is kept', async () => {
  const { server, connect, open, row } = await openScene({ rotation: 'never' })
  const grant = await connect('u1')
  server.behave(() => ({ answer: { expires_in: undefined, scope: 'repo' } }))
  const { read } = open()
  for (let n = 0; n < 1000; n++) await read('u1')
  expect(server.posts).toBe(1)
  expect(await row('u1')).toMatchObject({ expires_at: null, state: 'ACTIVE' })
  expect(server.grant(grant.id).refreshToken).toBe(grant.refreshToken)
})

test('danny-avila/LibreChat#13248: a JWT without expires_in beside it lives as long as it says', async () => {
  const { server, connect, open, row } = await openScene()
  await connect('u1')
  server.behave(() => ({ answer: { access_token: jwt({ exp: inSeconds(900) }), expires_in: undefined } }))
  await open().read('u1')
  expect(Math.abs(Number((await row('u1')).expires_at) - inSeconds(900))).toBeLessThan(30)
})

test('dam-agents/dam#216: an answer as a form is read, and its refresh token is the one of the next refresh', async () => {
  const { server, connect, open, store } = await openScene({ accessSeconds: 28_800 })
  const grant = await connect('u1')
  server.behave(() => ({ answer: {}, as: 'form' }))
  const { read } = open()
  for (let posts = 1; posts <= 3; posts++) {
    expect((await read('u1')).token).toBe(server.grant(grant.id).accessToken)
    expect(server.grant(grant.id)).toMatchObject({ posts, alive: true })
    await expire(store)
  }
})

test('lelylan/simple-oauth2#459: an error with the status 200 is no token', async () => {
  const { server, connect, open, row } = await openScene()
  await connect('u1')
  server.behave(() => ({
    answer: {
      ...{ access_token: undefined, refresh_token: undefined, expires_in: undefined, token_type: undefined },
      error: 'bad_refresh_token',
      error_description: 'The refresh token passed is incorrect or expired.',
    },
  }))
  expect(await open().read('u1')).toMatchObject({ problem: 'REAUTHORIZATION_REQUIRED' })
  expect(await row('u1')).toMatchObject({ generation: 1, last_error_class: 'grant_dead' })
})

test('decocms/studio#6068: a success without a token is none, and what is stored stays', async () => {
  const { server, connect, open, row } = await openScene()
  await connect('u1')
  server.behave(() => ({ answer: { access_token: undefined, refresh_token: undefined, expires_in: undefined } }))
  const { problem } = await open().read('u1')
  expect(problem).not.toBeNull()
  expect(await row('u1')).toMatchObject({ generation: 1 })
  expect((await row('u1')).refresh_token).not.toBeNull()
})

test('coder/coder#17069: of ten readers nobody records the failure of a refresh token that another one spent', async () => {
  const { server, connect, open, row, store } = await openScene({ reuse: 'refused', accessSeconds: 600 })
  const grant = await connect('u1')
  const processes = Array.from({ length: 10 }, () => open())
  for (let posts = 1; posts <= 3; posts++) {
    await expire(store)
    const answers = await Promise.all(processes.map(({ read }) => read('u1')))
    expect(server.posts).toBe(posts)
    expect(answers.map(({ token }) => token)).toEqual(answers.map(() => server.grant(grant.id).accessToken))
    expect(await row('u1')).toMatchObject({ state: 'ACTIVE', last_error_class: null })
  }
})

test('n8n-io/n8n#12742: a waiter never refreshes without the lease, however slow the provider is', async () => {
  const { server, connect, open } = await openScene({
    vault: { refresh: { proactive: false, post_timeout_ms: 3000, wait_ms: 3000, lease_ms: 6000 } },
  })
  const grant = await connect('u1')
  server.behave(() => ({ delayMs: 2000 }))
  const [one, other] = [open(), open()]
  const answers = await Promise.all([one.read('u1'), other.read('u1'), one.read('u1'), other.read('u1')])
  expect(new Set(answers.map(({ token }) => token))).toEqual(new Set([server.grant(grant.id).accessToken]))
  expect(server.posts).toBe(1)
})

test('lidge-jun/opencodex#3000: the first of ten callers leaves, and the others get what it began', async () => {
  const { server, connect, open } = await openScene()
  const grant = await connect('u1')
  server.behave(() => ({ delayMs: 300 }))
  const { read } = open()
  const leaving = new AbortController()
  const first = read('u1', { signal: leaving.signal })
  const others = Array.from({ length: 9 }, () => read('u1'))
  await expect.poll(() => server.posts).toBe(1)
  leaving.abort(new Error('the caller has left'))
  await expect(first).rejects.toThrow('the caller has left')
  const tokens = (await Promise.all(others)).map(({ token }) => token)
  expect(new Set(tokens)).toEqual(new Set([server.grant(grant.id).accessToken]))
  expect(server.posts).toBe(1)
})
