import { expect, test } from 'vitest'
import { CodedError } from '../../src/errors.ts'
import { createLoaders } from '../../src/tokens/loaders.ts'
import { createSource } from '../../src/tokens/source.ts'
import type { Call, Upstream } from '../../src/upstreams/platform.ts'
import { row, type Rows } from './clock.ts'

/** A platform that answers for `fast` users at once, and for others when it is told to. */
function open() {
  const calls: { readonly user_id: string; readonly call: Call }[] = []
  const slow = Promise.withResolvers<Rows>()
  const upstream: Upstream = {
    name: 'local',
    platform: 'local',
    autoRefreshes: true,
    tokens: {
      kind: 'one',
      one: ({ user_id }, call) => {
        calls.push({ user_id, call })
        return user_id.startsWith('fast') ? Promise.resolve([row(user_id, null)]) : slow.promise
      },
    },
    accounts: null,
    close: () => Promise.resolve(),
  }
  return { calls, slow, source: createSource([upstream], { routes: {}, default: 'local' }) }
}

const ask = (user_id: string) => ({
  user_id,
  provider: 'oauth_a',
  external_account_id: null,
  min_validity_seconds: 60,
})
const admitAll = () => null

test('at the deadline the answered keys are there, and each of the others is UPSTREAM_TIMEOUT of its upstream', async () => {
  const { source } = open()
  const deadline = new AbortController()
  const load = createLoaders(source, { signal: deadline.signal }, admitAll)
  const outcomes = Promise.allSettled(['fast_1', 'slow_1', 'fast_2', 'slow_2'].map((user) => load.tokens(ask(user))))
  await load.tokens(ask('fast_1'))
  deadline.abort(new CodedError('UPSTREAM_TIMEOUT'))
  const late = {
    status: 'rejected',
    reason: { extensions: { code: 'UPSTREAM_TIMEOUT', upstream: 'local', provider: 'oauth_a' } },
  }
  expect(await outcomes).toMatchObject([
    { status: 'fulfilled', value: [{ external_account_id: 'fast_1' }] },
    late,
    { status: 'fulfilled', value: [{ external_account_id: 'fast_2' }] },
    late,
  ])
})

test('a call has the deadline of whoever can wait longest, and the viewer who came first', () => {
  const { source, calls } = open()
  const { signal } = new AbortController()
  const join = (deadline?: number, viewer?: string) => {
    void source.tokens([ask('slow')], { signal, deadline, viewer })
  }
  join(1000, 'first')
  expect(calls).toMatchObject([{ call: { deadline: 1000, viewer: 'first' } }])
  join(3000, 'second')
  join(2000, 'third')
  expect(calls).toHaveLength(1)
  expect(calls[0]?.call).toMatchObject({ deadline: 3000, viewer: 'first' })
  join()
  expect(calls[0]?.call.deadline).toBe(Infinity)
})
