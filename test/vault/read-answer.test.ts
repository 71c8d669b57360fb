/** Answers of token endpoints, and what the reader makes of each. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bad } from './answers/failures.ts'
import { now, pair, providerOf, read, show, showTokens, single } from './answers/support.ts'
import { good } from './answers/tokens.ts'

const jwtLike = /^[\w-]+\.[\w-]+\.invented$/

describe('tokens', () => {
  it.each(good.map((row) => [row[0], row] as const))('%s', (_, [, name, body, expected, sent]) => {
    const outcome = read(providerOf(name), body, sent)
    if (outcome.kind !== 'tokens') throw new Error(JSON.stringify(outcome))
    const { tokens } = outcome
    if (!jwtLike.test(show(tokens.accessToken) ?? '')) expect(show(tokens.accessToken)).toBe('at-1')
    expect(show(tokens.refreshToken)).toBe(expected.rt)
    expect(tokens.tokenType).toBe(expected.type === undefined ? 'Bearer' : expected.type)
    expect(tokens.scopes).toEqual(expected.scopes ?? null)
    const { lives } = expected
    expect(tokens.expiry).toMatchObject(
      typeof lives === 'number'
        ? { expiresAt: now + lives, lifetimeSeconds: lives }
        : { expiresAt: null, lifetimeSeconds: null, source: lives },
    )
  })
})

describe('no tokens', () => {
  it.each(bad)('%s', (_, name, status, body, [kind, code]) => {
    const outcome = read(providerOf(name), body, { status })
    expect(outcome).toMatchObject(kind === 'ambiguous' ? { kind, code } : { kind: 'error', class: kind, code })
  })

  it('is tested with more than 60 answers', () => {
    expect(good.length + bad.length).toBeGreaterThan(100)
  })

  it('ends no grant for a status alone', () => {
    for (let status = 200; status < 600; status++)
      for (const body of ['', '{}', '<html>', '{"error":"grumpy"}'])
        expect(read(providerOf('custom'), body, { status })).not.toMatchObject({ class: 'grant_dead' })
  })

  it('says how long to wait', () => {
    const wait = { headers: { 'retry-after': '7' } }
    expect(read(providerOf('custom'), '', { status: 429, ...wait })).toMatchObject({
      class: 'rate',
      retryAfterMs: 7000,
    })
    expect(read(providerOf('custom'), '', { status: 503, ...wait })).toMatchObject({ retryAfterMs: 7000 })
    expect(read(providerOf('custom'), '', { status: 429 })).toMatchObject({ retryAfterMs: null })
  })

  it('hands on what a new authorization has to send', () => {
    const claims = '{"access_token":{"nbf":{"essential":true}}}'
    const outcome = read(providerOf('microsoft'), { error: 'interaction_required', claims }, { status: 400 })
    expect(outcome).toMatchObject({ class: 'step_up', claims })
  })

  it('keeps a refresh token that came without an access token', () => {
    const outcome = read(providerOf('custom'), { refresh_token: 'rt-1' })
    expect(outcome).toMatchObject({ kind: 'ambiguous' })
    expect(outcome.kind === 'ambiguous' && show(outcome.refreshToken)).toBe('rt-1')
  })

  it('shows no code that is more than an identifier', () => {
    const outcome = read(providerOf('custom'), { error: 'the token at-secret is bad' }, { status: 400 })
    expect(outcome).toMatchObject({ class: 'config', code: null })
    expect(JSON.stringify(outcome)).not.toContain('at-secret')
  })
})

describe('a set of tokens', () => {
  it('has both of Slack, and what its API needs', () => {
    const outcome = read(providerOf('slack'), {
      ok: true,
      ...{
        access_token: 'at-bot',
        refresh_token: 'rt-bot',
        token_type: 'bot',
        scope: 'chat:write',
        expires_in: 43_200,
      },
      team: { id: 'T1', name: 'Team' },
      bot_user_id: 'B1',
      authed_user: { id: 'U1', access_token: 'at-user', refresh_token: 'rt-user', token_type: 'user', expires_in: 100 },
    })
    if (outcome.kind !== 'tokens' || outcome.second === null) throw new Error(JSON.stringify(outcome))
    expect(showTokens(outcome.tokens)).toMatchObject({ at: 'at-bot', rt: 'rt-bot', tokenType: 'bot' })
    expect(showTokens(outcome.second)).toMatchObject({ at: 'at-user', rt: 'rt-user', expiry: { lifetimeSeconds: 100 } })
    expect(outcome.kept).toEqual({ 'team.id': 'T1', 'team.name': 'Team', bot_user_id: 'B1' })
  })

  it('keeps the addresses of API and account', () => {
    const body = { ...single, instance_url: 'https://a.example', id: 'https://a.example/id/1', extra: 'x' }
    expect(read(providerOf('salesforce'), body)).toMatchObject({
      kept: { instance_url: 'https://a.example', id: 'https://a.example/id/1' },
    })
  })

  it.each([
    ['google', { refresh_token_expires_in: 604_799 }, 604_799],
    ['quickbooks', { x_refresh_token_expires_in: '8726400' }, 8_726_400],
    ['tiktok', { refresh_expires_in: 15_552_000 }, 15_552_000],
    ['pinterest', { refresh_token_expires_at: now + 500 }, 500],
    ['custom', { refresh_expires_in: 0 }, null],
    ['custom', {}, null],
  ])('of %s says when the refresh token ends: %j', (name, extra, seconds) => {
    const outcome = read(providerOf(name), { ...pair, ...extra })
    expect(outcome.kind === 'tokens' && outcome.tokens.refreshExpiresAt).toBe(seconds === null ? null : now + seconds)
  })

  it('never prints', () => {
    const outcome = read(providerOf('google'), { ...pair, id_token: 'id-1', expires_in: 3600 })
    expect(JSON.stringify(outcome)).not.toMatch(/at-1|rt-1|id-1/)
  })

  it('takes the lifetime of the token before where the answer has none, and not at each read', () => {
    const first = read(providerOf('custom'), { ...pair, expires_in: 3600 })
    const earlier = first.kind === 'tokens' ? first.tokens.expiry.lifetimeSeconds : null
    expect(earlier).toBe(3600)
    const second = read(providerOf('custom'), single, { earlier: 3600 })
    expect(second.kind === 'tokens' && second.tokens.expiry).toEqual({
      expiresAt: now + 3600,
      lifetimeSeconds: 3600,
      source: 'earlier',
    })
  })
})

describe('any bytes', () => {
  const words = [
    'access_token',
    'refresh_token',
    'expires_in',
    'expires_at',
    'scope',
    'error',
    'errors',
    'data',
    'body',
    'ok',
    'status',
  ]
  const value = fc.jsonValue({ maxDepth: 2 })
  const object = fc.dictionary(fc.oneof(fc.constantFrom(...words, '__proto__', 'constructor'), fc.string()), value)
  const bodies = fc.oneof(
    fc.uint8Array(),
    fc.string(),
    object.map((each) => JSON.stringify(each)),
  )

  it('are one of three things, and a time is in the future', () => {
    fc.assert(
      fc.property(
        bodies,
        fc.integer({ min: 100, max: 599 }),
        fc.constantFrom(...['google', 'slack', 'withings', 'square', 'custom, in ms']),
        (body, status, name) => {
          const outcome = read(providerOf(name), body, { status })
          if (outcome.kind !== 'tokens') return
          expect(status >= 200 && status < 300).toBe(true)
          expect(show(outcome.tokens.accessToken)).not.toBe('')
          const { expiresAt, lifetimeSeconds } = outcome.tokens.expiry
          if (expiresAt === null) return
          expect(Number.isSafeInteger(expiresAt)).toBe(true)
          expect(expiresAt - now).toBe(lifetimeSeconds)
          expect(lifetimeSeconds).toBeGreaterThan(0)
        },
      ),
    )
  })

  it('keep every pair that a success has, whatever is beside it', () => {
    fc.assert(
      fc.property(object, fc.integer({ min: 200, max: 299 }), (extra, status) => {
        const outcome = read(providerOf('google'), JSON.stringify({ ...extra, ...pair }), { status })
        if (outcome.kind !== 'tokens') throw new Error('the pair was lost')
        expect(showTokens(outcome.tokens)).toMatchObject({ at: 'at-1', rt: 'rt-1' })
      }),
    )
  })
})
