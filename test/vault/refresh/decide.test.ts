/** What to do with a row, as a table: each line is one fact of the row or of the provider's record. */
import { describe, expect, test } from 'vitest'
import {
  isOldEnough,
  isRenewable,
  leftOf,
  needOf,
  pauseMs,
  verdictOn,
} from '../../../src/upstreams/vault/refresh/decide.ts'
import { dueIn } from '../../../src/upstreams/vault/refresh/due.ts'
import type { Provider } from '../../../src/upstreams/vault/providers/provider.ts'
import type { GrantRow } from '../../../src/upstreams/vault/store/rows.ts'

const NOW = 1_800_000_000_000
const seconds = (fromNow: number): number => NOW / 1000 + fromNow
const bytes = new Uint8Array([2])

function row(changes: Partial<GrantRow> = {}): GrantRow {
  const identity = { row_id: 'r', user_id: 'u', provider: 'oauth_x', external_account_id: 'a', generation: 1 }
  const documented = { provider_user_id: '', public_metadata: '{}', label: null, scopes: null, key_id: 'k1' }
  const sealed = {
    wrapped_key: bytes,
    token: bytes,
    token_secret: null,
    id_token: null,
    refresh_token: bytes,
    extras: null,
  }
  const life = {
    client: null,
    state: 'ACTIVE' as const,
    state_reason: null,
    state_since_ms: null,
    issued_at_ms: NOW - 3_600_000,
  }
  const lease = { lease_owner: null, lease_until_ms: null, attempt_started_ms: null, attempt_digest: null, attempts: 0 }
  const source = { source_digest: null, source_started_ms: null, next_attempt_ms: null, refresh_due_ms: null }
  const failure = {
    last_error_class: null,
    last_error_code: null,
    last_error_ms: null,
    last_used_ms: null,
    scopes_requested: null,
  }
  return {
    ...{ ...identity, ...documented, ...sealed, ...life, ...lease, ...source, ...failure },
    ...{ expires_at: seconds(-1), lifetime_seconds: 3600, refresh_expires_at: null },
    ...changes,
  }
}

const rotation = (grace: number | 'unlimited', reuse: 'accepted' | 'refused' | 'revokes_family' | 'unknown') =>
  ({ mode: 'always', grace_seconds: grace, reuse }) as const
const never = { mode: 'never' } as const

function provider(refresh: Partial<Provider['refresh']> = {}): Pick<Provider, 'refresh'> {
  return {
    refresh: {
      ...{ uses: 'refresh_token', obtained: 'always', url: null, method: 'POST', params: {}, token_param: null },
      ...{ identifies_client: true, sends_scope: false, rotation: never, kills_access: false, earliest: null },
      ...{ latest: null, idle_seconds: null, absolute_seconds: null, keep_alive_seconds: null },
      ...refresh,
    },
  }
}

describe('what a read needs', () => {
  const cases: readonly (readonly [string, Partial<GrantRow>, Partial<Provider['refresh']> | null, number, string])[] =
    [
      ['a token that does not end', { expires_at: null }, {}, 3600, 'hand_out'],
      ['a token that lives longer than asked', { expires_at: seconds(61) }, {}, 60, 'hand_out'],
      ['one that lives exactly as long', { expires_at: seconds(60) }, {}, 60, 'refresh'],
      ['one that is over', {}, {}, 0, 'refresh'],
      ['one that ends now', { expires_at: seconds(0) }, {}, 0, 'refresh'],
      ['over, and no client', {}, null, 0, 'over'],
      ['short, and no client', { expires_at: seconds(5) }, null, 60, 'hand_out'],
      ['over, without a refresh token', { refresh_token: null }, {}, 0, 'over'],
      ['over, where the access token is exchanged', { refresh_token: null }, { uses: 'access_token' }, 0, 'refresh'],
      ['over, where nothing is renewed', {}, { uses: 'nothing', rotation: null }, 0, 'over'],
      ['the grant is dead and the token lives', { state: 'EXPIRING', expires_at: seconds(5) }, {}, 60, 'hand_out'],
      ['the grant is dead and the token is over', { state: 'EXPIRING' }, {}, 0, 'over'],
      ['the user has to consent', { state: 'REAUTHORIZATION_REQUIRED' }, {}, 0, 'over'],
      ['ambiguous, and it may be presented', { state: 'AMBIGUOUS' }, {}, 0, 'refresh'],
      ['over, where it had to be renewed before', {}, { latest: 'before_expiry' }, 0, 'over'],
      [
        'short, where it has to be renewed before',
        { expires_at: seconds(5) },
        { latest: 'before_expiry' },
        60,
        'refresh',
      ],
      [
        'short, where it is renewed only after its end',
        { expires_at: seconds(5) },
        { earliest: 'after_expiry' },
        60,
        'hand_out',
      ],
      ['over, where it is renewed only after its end', {}, { earliest: 'after_expiry' }, 0, 'refresh'],
      [
        'short and young',
        { expires_at: seconds(5), issued_at_ms: NOW - 9_000, lifetime_seconds: null },
        { earliest: { min_age_seconds: 10 } },
        60,
        'hand_out',
      ],
      [
        'short and old enough',
        { expires_at: seconds(5), issued_at_ms: NOW - 10_000, lifetime_seconds: null },
        { earliest: { min_age_seconds: 10 } },
        60,
        'refresh',
      ],
      ['over, and a pause', { next_attempt_ms: NOW + 1 }, {}, 0, 'later'],
      ['over, and a pause that has ended', { next_attempt_ms: NOW }, {}, 0, 'refresh'],
      ['short, and a pause', { expires_at: seconds(5), next_attempt_ms: NOW + 1 }, {}, 60, 'hand_out'],
      [
        'short, and presenting could kill',
        { expires_at: seconds(5), attempt_started_ms: NOW - 1 },
        { rotation: rotation(0, 'revokes_family') },
        60,
        'hand_out',
      ],
      ['nearly new, and asked for more than a life', { expires_at: seconds(2881) }, {}, 7200, 'hand_out'],
      ['no longer new, and asked for more than a life', { expires_at: seconds(2880) }, {}, 7200, 'refresh'],
    ]
  test.each(cases)('%s', (_, changes, refresh, minimum, kind) => {
    expect(needOf(row(changes), refresh === null ? null : provider(refresh), NOW, minimum).kind).toBe(kind)
  })

  test('the pause says how long', () => {
    expect(needOf(row({ next_attempt_ms: NOW + 1234 }), provider(), NOW, 0)).toEqual({
      kind: 'later',
      retryAfterMs: 1234,
    })
  })

  test('what is left of a life', () => {
    expect([leftOf(row({ expires_at: null }), NOW), leftOf(row({ expires_at: seconds(2) }), NOW)]).toEqual([
      Infinity,
      2000,
    ])
  })

  test.each([
    ['ACTIVE', true],
    ['AMBIGUOUS', true],
    ['EXPIRING', false],
    ['REAUTHORIZATION_REQUIRED', false],
  ] as const)('%s is renewable: %s', (state, renewable) => {
    expect(isRenewable(row({ state }), provider())).toBe(renewable)
  })

  test('without a known issue, a token is old enough', () => {
    expect(isOldEnough(row({ issued_at_ms: null, expires_at: seconds(5) }), { min_age_seconds: 10 }, NOW)).toBe(true)
    expect(isOldEnough(row({ expires_at: seconds(0) }), 'after_expiry', NOW)).toBe(true)
    expect(isOldEnough(row({ expires_at: seconds(1) }), 'after_expiry', NOW)).toBe(false)
  })
})

describe('whether the refresh token may be presented', () => {
  const alive = { expires_at: seconds(1) }
  const ago = (ms: number): Partial<GrantRow> => ({ attempt_started_ms: NOW - ms })
  const cases: readonly (readonly [string, Partial<GrantRow>, Provider['refresh']['rotation'], string])[] = [
    ['no attempt', {}, rotation(0, 'revokes_family'), 'post'],
    ['nothing rotates', ago(1), never, 'post'],
    ['no record of a rotation', ago(1), null, 'post'],
    ['the earlier one stays', ago(1e9), rotation('unlimited', 'accepted'), 'replay'],
    ['inside the grace', ago(8_999), rotation(10, 'revokes_family'), 'replay'],
    ['in the last tenth of the grace, over', ago(9_000), rotation(10, 'revokes_family'), 'last_try'],
    ['in the last tenth of the grace, alive', { ...ago(9_000), ...alive }, rotation(10, 'revokes_family'), 'hold'],
    ['after the grace, refused, alive', { ...ago(20_000), ...alive }, rotation(10, 'refused'), 'last_try'],
    ['no grace, refused', ago(1), rotation(0, 'refused'), 'last_try'],
    ['no grace, unknown, alive', { ...ago(1), ...alive }, rotation(0, 'unknown'), 'hold'],
    ['no grace, unknown, over', ago(1), rotation(0, 'unknown'), 'last_try'],
    [
      'no grace, ends the grant, ends now',
      { ...ago(1), expires_at: seconds(0) },
      rotation(0, 'revokes_family'),
      'last_try',
    ],
    ['rotates at times', ago(1), { mode: 'sometimes', grace_seconds: 0, reuse: 'refused' }, 'last_try'],
  ]
  test.each(cases)('%s', (_, changes, how, verdict) => {
    expect(verdictOn(row(changes), how, NOW)).toBe(verdict)
  })
})

describe('the pause before another attempt', () => {
  test.each([
    ['ambiguous', 0, null, 1000],
    ['ambiguous', 1, null, 2000],
    ['unreachable', 3, null, 8000],
    ['unreachable', 8, null, 256_000],
    ['unreachable', 9, null, 300_000],
    ['unreachable', 1000, null, 300_000],
    ['rate', 0, 60_000, 60_000],
    ['rate', 20, 5, 300_000],
    ['config', 0, null, 1_800_000],
    ['config', 0, 3_600_000, 3_600_000],
  ] as const)('%s after %d attempts, asked for %s', (failure, attempts, asked, expected) => {
    expect(pauseMs(failure, attempts, asked, 0)).toBe(expected)
    expect(pauseMs(failure, attempts, asked, 1)).toBeCloseTo(expected * 1.2)
  })
})

describe('when a refresh is due', () => {
  const HOUR = 3_600_000
  const DAY = 86_400
  const used = { lifetimeMs: HOUR, ageMs: 0, isUsed: true }
  const cases: readonly (readonly [
    string,
    Partial<Provider['refresh']>,
    Partial<typeof used> | { lifetimeMs: null },
    number | null,
    number | null,
  ])[] = [
    ['in use', {}, {}, 0.8 * HOUR, 0.7 * HOUR],
    ['in use, half an hour old', {}, { ageMs: HOUR / 2 }, 0.3 * HOUR, 0.2 * HOUR],
    ['in use, and past it', {}, { ageMs: HOUR }, 0, 0],
    ['not in use', {}, { isUsed: false }, null, null],
    [
      'not in use, dies idle after ten days',
      { idle_seconds: 10 * DAY },
      { isUsed: false },
      5 * DAY * 1000,
      4.5 * DAY * 1000,
    ],
    [
      'its own time to be kept alive',
      { idle_seconds: 10 * DAY, keep_alive_seconds: DAY },
      { isUsed: false },
      DAY * 1000,
      0.9 * DAY * 1000,
    ],
    ['in use, and the earlier of both', { idle_seconds: 10 * DAY }, {}, 0.8 * HOUR, 0.7 * HOUR],
    ['a refresh ends the earlier token', { kills_access: true }, {}, 0.95 * HOUR, 0.931 * HOUR],
    ['only after its end', { earliest: 'after_expiry' }, {}, null, null],
    ['a short life', {}, { lifetimeMs: 300_000 }, null, null],
    ['a life just longer', {}, { lifetimeMs: 300_001 }, 240_001, 210_001],
    ['no end', {}, { lifetimeMs: null }, null, null],
    ['no end, and dies idle', { idle_seconds: 10 * DAY }, { lifetimeMs: null }, 5 * DAY * 1000, 4.5 * DAY * 1000],
    ['before its end or never, not in use', { latest: 'before_expiry' }, { isUsed: false }, HOUR / 2, 0.45 * HOUR],
    [
      'the same, not before a day',
      { latest: 'before_expiry', earliest: { min_age_seconds: 86_400 } },
      { isUsed: false, lifetimeMs: 30 * HOUR },
      96_000_000,
      86_400_000,
    ],
    ['nothing is renewed', { uses: 'nothing', rotation: null, idle_seconds: DAY }, {}, null, null],
  ]
  test.each(cases)('%s', (_, refresh, life, late, early) => {
    const whole = (ms: number | null): number | null => (ms === null ? null : Math.ceil(ms))
    const due = (random: number): number | null => dueIn(provider(refresh), { ...used, ...life }, random)
    expect(due(0)).toBe(whole(late))
    const earliest = due(1)
    if (early === null) expect(earliest).toBeNull()
    else expect(Math.abs((earliest ?? Infinity) - early)).toBeLessThan(2)
  })
})
