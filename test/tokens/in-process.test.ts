/** Keys for a platform in this process: one batch for a tick, and callers that come and go by themselves. */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { batchInProcess } from '../../src/tokens/in-process.ts'
import type { Caller } from '../../src/tokens/cached-upstream.ts'
import type { Call } from '../../src/upstreams/platform.ts'

function callerOf(signal = new AbortController().signal, untilMs = Infinity): Caller {
  return { signal, deadline: () => untilMs, viewer: 'somebody', subject: null }
}

/** A platform that answers each key with its own name, once `release` is called. */
function open({ max = 100, gate = Promise.resolve() }: { readonly max?: number; readonly gate?: Promise<void> } = {}) {
  const batches: { readonly keys: readonly string[]; readonly call: Call }[] = []
  const { ask } = batchInProcess<string, string>({
    kind: 'many',
    max,
    id: (key) => key,
    async many(keys, call) {
      batches.push({ keys, call })
      await gate
      call.signal.throwIfAborted()
      if (keys.includes('all fail')) throw new Error('the database is gone')
      return new Map(
        keys.flatMap((key) => (key === 'absent' ? [] : [[key, key === 'bad' ? new Error('damaged') : key]])),
      )
    },
  })
  return { ask, batches }
}

test('the keys of a tick are one batch of distinct keys, and each gets its own answer', async () => {
  const { ask, batches } = open()
  const [one, two] = [callerOf(), callerOf()]
  const answers = await Promise.allSettled([ask('a', one), ask('bad', one), ask('a', two), ask('absent', two)])
  expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : String(answer.reason)))).toEqual([
    'a',
    'Error: damaged',
    'a',
    null,
  ])
  expect(batches.map(({ keys }) => keys)).toEqual([['a', 'bad', 'absent']])
  await ask('a', one)
  expect(batches).toHaveLength(2)
})

test('a batch has `max` keys at most', async () => {
  const { ask, batches } = open({ max: 2 })
  const caller = callerOf()
  expect(await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => ask(key, caller)))).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(batches.map(({ keys }) => keys)).toEqual([['a', 'b'], ['c', 'd'], ['e']])
})

test('a batch that fails as a whole fails its own keys alone', async () => {
  const { ask } = open()
  const [failed, later] = [ask('all fail', callerOf()), delay(5).then(() => ask('a', callerOf()))]
  await expect(failed).rejects.toThrow('the database is gone')
  expect(await later).toBe('a')
})

test('a caller that leaves is answered at once and takes nobody with it', async () => {
  const gate = Promise.withResolvers<undefined>()
  const { ask, batches } = open({ gate: gate.promise })
  const leaving = new AbortController()
  const left = ask('a', callerOf(leaving.signal, 100))
  const stays = ask('b', callerOf(undefined, 500))
  await expect.poll(() => batches.length).toBe(1)
  leaving.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
  expect(batches[0]?.call.signal.aborted).toBe(false)
  expect(batches[0]?.call.deadline()).toBe(500)
  gate.resolve(undefined)
  expect(await stays).toBe('b')
})

test('the work is given up when the last caller has left, and not asked for where all left before', async () => {
  const gate = Promise.withResolvers<undefined>()
  const { ask, batches } = open({ gate: gate.promise })
  const leaving = new AbortController()
  const left = [ask('a', callerOf(leaving.signal)), ask('b', callerOf(leaving.signal))]
  await expect.poll(() => batches.length).toBe(1)
  leaving.abort(new Error('gone'))
  expect((await Promise.allSettled(left)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(batches[0]?.call.signal.aborted).toBe(true)
  gate.resolve(undefined)
  await expect(ask('c', callerOf(leaving.signal))).rejects.toThrow('gone')
  expect(batches).toHaveLength(1)
})
