import { expect, test } from 'vitest'
import { CodedError } from '../../src/errors.ts'
import { createLoaders } from '../../src/tokens/loaders.ts'
import type { TokenRequest } from '../../src/tokens/types.ts'
import { createSource } from '../../src/tokens/source.ts'
import type { Call, Upstream } from '../../src/upstreams/platform.ts'
import { callerOf, row, type Rows } from './clock.ts'

/** A platform that answers for `fast` users at once, and for others when it is told to. */
function open() {
  const calls: { readonly userId: string; readonly call: Call }[] = []
  const slow = Promise.withResolvers<Rows>()
  const upstream: Upstream = {
    name: 'local',
    platform: 'local',
    autoRefreshes: true,
    tokens: {
      kind: 'one',
      one: ({ userId }, call) => {
        calls.push({ userId, call })
        return userId.startsWith('fast') ? Promise.resolve([row(userId, null)]) : slow.promise
      },
    },
    accounts: null,
    close: () => Promise.resolve(),
  }
  return { calls, slow, source: createSource([upstream], { routes: {}, default: 'local' }) }
}

const ask = (userId: string): TokenRequest => ({
  userId,
  provider: 'a',
  externalAccountId: null,
  minValiditySeconds: 60,
})
const admitAll = () => null

test('at the deadline the answered keys are there, and each of the others is UPSTREAM_TIMEOUT of its upstream', async () => {
  const { source } = open()
  const deadline = new AbortController()
  const load = createLoaders(source, callerOf(deadline.signal), admitAll)
  const outcomes = Promise.allSettled(
    ['fast_1', 'slow_1', 'fast_2', 'slow_2'].map(async (user) => load.tokens(ask(user))),
  )
  await load.tokens(ask('fast_1'))
  deadline.abort(new CodedError('UPSTREAM_TIMEOUT'))
  const late = {
    status: 'rejected',
    reason: { extensions: { code: 'UPSTREAM_TIMEOUT', upstream: 'local', provider: 'oauth_a' } },
  }
  expect(await outcomes).toMatchObject([
    { status: 'fulfilled', value: [{ token: { external_account_id: 'fast_1' } }] },
    late,
    { status: 'fulfilled', value: [{ token: { external_account_id: 'fast_2' } }] },
    late,
  ])
})

test('a call has the deadline of whoever can wait longest, and the viewer who came first', () => {
  const { source, calls } = open()
  const join = (deadline: number, viewer: string | null): void => {
    void source.tokens(ask('slow'), { ...callerOf(), deadline: () => deadline, viewer })
  }
  join(1000, 'first')
  expect(calls).toMatchObject([{ call: { viewer: 'first' } }])
  expect(calls[0]?.call.deadline()).toBe(1000)
  join(3000, 'second')
  join(2000, 'third')
  expect(calls).toHaveLength(1)
  expect(calls[0]?.call).toMatchObject({ viewer: 'first' })
  expect(calls[0]?.call.deadline()).toBe(3000)
  join(Infinity, null)
  expect(calls[0]?.call.deadline()).toBe(Infinity)
})
