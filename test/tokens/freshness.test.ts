import { describe, expect, test } from 'vitest'
import { CodedError } from '../../src/errors.ts'
import { secret } from '../../src/lib/secret.ts'
import { openClocked, row } from './clock.ts'

const LATER = 1_800_003_600
const consent = new CodedError('REAUTHORIZATION_REQUIRED')
const outage = new CodedError('UPSTREAM_UNAVAILABLE')

describe.each(['one', 'grouped', 'many', 'all'] as const)('an answer of a platform that is asked with %s', (kind) => {
  test('is used again for its seconds, and not longer', async () => {
    const platform = openClocked({ kind, seconds: 30 })
    platform.state.answer = [row('a', LATER)]
    const [first] = await platform.ask()
    platform.pass(29)
    expect(await platform.ask()).toEqual([first])
    expect(platform.state.calls).toHaveLength(1)
    expect(platform.events).toMatchObject([{ upstream: 'clocked', operation: 'tokens', keys: 1, outcome: 'cached' }])
    platform.pass(1)
    await platform.ask()
    expect(platform.state.calls).toHaveLength(2)
  })

  test('is for its own user', async () => {
    const platform = openClocked({ kind })
    platform.state.answer = [row('a', LATER, 'of the first')]
    await platform.ask()
    platform.state.answer = [row('a', LATER, 'of the second')]
    await platform.ask({ userId: 'user_2' })
    expect(platform.state.calls.map(({ userId }) => userId)).toEqual(['user_1', 'user_2'])
  })

  test('that is an empty list is used again for five seconds', async () => {
    const platform = openClocked({ kind })
    await platform.ask()
    platform.pass(4)
    await platform.ask()
    expect(platform.state.calls).toHaveLength(1)
    platform.pass(1)
    await platform.ask()
    expect(platform.state.calls).toHaveLength(2)
  })
})

test('one call of a platform that answers for all providers serves the others, too', async () => {
  const platform = openClocked({ kind: 'all' })
  platform.state.answer = [row('a', LATER), { ...row('b', LATER), provider: 'b' }]
  await platform.ask()
  expect(await platform.ask({ provider: 'b' })).toMatchObject([{ external_account_id: 'b' }])
  expect(platform.state.calls).toHaveLength(1)
})

test('consent that is needed is remembered for five seconds, any other error never', async () => {
  const platform = openClocked()
  for (const [error, calls] of [
    [consent, 1],
    [outage, 2],
    [new CodedError('USER_NOT_FOUND'), 1],
    [new CodedError('PROVIDER_NOT_CONFIGURED'), 1],
    [new CodedError('UPSTREAM_REJECTED'), 2],
  ] as const) {
    platform.pass(100)
    platform.state.answer = error
    platform.state.calls.length = 0
    await expect(platform.ask()).rejects.toMatchObject({ code: error.code })
    platform.pass(4)
    await expect(platform.ask()).rejects.toMatchObject({ code: error.code, extensions: { upstream: 'clocked' } })
    expect(platform.state.calls).toHaveLength(calls)
  }
})

test('an error takes the place of nothing: what was remembered before stays', async () => {
  const platform = openClocked()
  platform.state.answer = [row('a', 1_800_000_100)]
  await platform.ask()
  platform.state.answer = outage
  await expect(platform.ask({ minValiditySeconds: 200 })).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  expect(await platform.ask()).toHaveLength(1)
})

describe('a token that does not live long enough', () => {
  test('is asked for again where the platform refreshes', async () => {
    const platform = openClocked()
    platform.state.answer = [row('a', 1_800_000_070, 'old')]
    await platform.ask()
    platform.pass(10)
    platform.state.answer = [row('a', LATER, 'new')]
    expect(await platform.ask()).toMatchObject([{ expires_at: LATER }])
    expect(platform.state.calls).toHaveLength(2)
  })

  test('of another account does not matter', async () => {
    const platform = openClocked()
    platform.state.answer = [row('a', LATER), row('b', 1_800_000_001)]
    await platform.ask({ externalAccountId: 'a' })
    expect(await platform.ask({ externalAccountId: 'a' })).toHaveLength(1)
    expect(platform.state.calls).toHaveLength(1)
    await platform.ask()
    expect(platform.state.calls).toHaveLength(2)
  })

  test('where the platform does not refresh: asked for again after five seconds, and never served', async () => {
    const platform = openClocked({ upstream: { autoRefreshes: false } })
    platform.state.answer = [row('a', 1_800_000_001)]
    for (const [seconds, calls] of [
      [0, 1],
      [4, 1],
      [1, 2],
    ] as const) {
      platform.pass(seconds)
      await expect(platform.ask()).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' })
      expect(platform.state.calls).toHaveLength(calls)
    }
  })
})

test('nothing is remembered when it is turned off, nor of an upstream in this process', async () => {
  for (const options of [{ seconds: 0 }, { upstream: { inProcess: true } }]) {
    const platform = openClocked(options)
    platform.state.answer = [row('a', LATER)]
    await platform.ask()
    await platform.ask()
    expect(platform.state.calls).toHaveLength(2)
  }
})

test('the number of answers is bounded, and the oldest goes first', async () => {
  const platform = openClocked({ entries: 3 })
  platform.state.answer = [row('a', LATER)]
  for (const n of [1, 2, 3, 4]) await platform.ask({ userId: `user_${String(n)}` })
  platform.state.calls.length = 0
  for (const n of [4, 3, 2, 1]) await platform.ask({ userId: `user_${String(n)}` })
  expect(platform.state.calls.map(({ userId }) => userId)).toEqual(['user_1'])
})

test('an answer that was renewed counts as the youngest', async () => {
  const platform = openClocked({ entries: 2, seconds: 300 })
  platform.state.answer = [row('a', LATER)]
  for (const n of [1, 2]) await platform.ask({ userId: `user_${String(n)}` })
  await platform.ask({ userId: 'user_1', minValiditySeconds: 7200 })
  await platform.ask({ userId: 'user_3' })
  platform.state.calls.length = 0
  await platform.ask({ userId: 'user_1' })
  expect(platform.state.calls).toEqual([])
})

test('two callers at once share the call, and it is told', async () => {
  const platform = openClocked()
  platform.state.answer = [row('a', LATER)]
  await Promise.all([platform.ask(), platform.ask()])
  expect(platform.state.calls).toHaveLength(1)
  expect(platform.events).toMatchObject([{ operation: 'tokens', keys: 1, outcome: 'coalesced' }])
})

describe("the subject's own credential", () => {
  const credential = (id: string) => ({ secret: secret(`invented ${id}`), id })
  const subject = (id: string) => ({ subject: { userId: 'user_1', credential: credential(id) } })

  test('goes to an upstream that forwards it, for that subject alone', async () => {
    const platform = openClocked({ upstream: { usesSubjectToken: true } })
    expect(platform.source.usesSubjectToken).toBe(true)
    await platform.ask({}, subject('one'))
    await platform.ask({ userId: 'user_2' }, subject('one'))
    await platform.ask({ userId: 'user_3' })
    expect(platform.state.calls.map(({ userId, credential: sent }) => [userId, sent?.id])).toEqual([
      ['user_1', 'one'],
      ['user_2', undefined],
      ['user_3', undefined],
    ])
  })

  test('and to no other', async () => {
    const platform = openClocked()
    expect(platform.source.usesSubjectToken).toBe(false)
    await platform.ask({}, subject('one'))
    expect(platform.state.calls[0]).toMatchObject({ credential: null })
  })

  test('parts both the memory and the calls under way', async () => {
    const platform = openClocked({ upstream: { usesSubjectToken: true } })
    platform.state.answer = [row('a', LATER)]
    await Promise.all([platform.ask({}, subject('one')), platform.ask({}, subject('two')), platform.ask()])
    expect(platform.state.calls).toHaveLength(3)
    await platform.ask({}, subject('one'))
    await platform.ask({}, subject('three'))
    expect(platform.state.calls).toHaveLength(4)
  })

  test('an upstream that forwards and answers in bulk does not open', () => {
    expect(() => openClocked({ kind: 'many', upstream: { usesSubjectToken: true } })).toThrow(/key by key/)
  })
})
