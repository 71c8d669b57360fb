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
  const opened = batchInProcess<string, string>({
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
  return { ask: async (key: string, caller: Call) => opened.ask(key, caller), batches }
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

/** A platform that remembers every key and proves it by a look, which `release` lets end. */
function openRemembering(fails = false) {
  const looks: PromiseWithResolvers<undefined>[] = []
  const asked: string[] = []
  const { ask, prepare } = batchInProcess<string, string>({
    kind: 'many',
    max: 100,
    id: (key) => key,
    many: (keys) => {
      asked.push(...keys)
      return Promise.resolve(new Map(keys.map((key) => [key, key])))
    },
    async remembered() {
      const look = Promise.withResolvers<undefined>()
      looks.push(look)
      await look.promise
      if (fails) throw new Error('the database is gone')
      const at = looks.length
      return (key) => (key === 'new' ? undefined : key === 'bad' ? new Error('damaged') : `${key} at ${String(at)}`)
    },
  })
  return { ask, prepare: prepare!, looks, asked }
}

test('what is proved for a caller is at hand for that caller alone, and what is not remembered is asked for', async () => {
  const { ask, prepare, looks, asked } = openRemembering()
  const [one, other] = [callerOf(), callerOf()]
  const prepared = prepare(one)
  await expect.poll(() => looks.length).toBe(1)
  looks[0]!.resolve(undefined)
  await prepared
  expect(ask('a', one)).toBe('a at 1')
  expect(() => ask('bad', one)).toThrow('damaged')
  expect(await ask('new', one)).toBe('new')
  expect(await ask('a', other)).toBe('a')
  expect(asked).toEqual(['new', 'a'])
})

test('a look began after it was asked for, and those who wait share the next one', async () => {
  const { ask, prepare, looks } = openRemembering()
  const callers = Array.from({ length: 4 }, () => callerOf())
  const first = prepare(callers[0]!)
  await expect.poll(() => looks.length).toBe(1)
  const later = callers.slice(1).map((caller) => prepare(caller))
  await delay(5)
  expect(looks).toHaveLength(1)
  looks[0]!.resolve(undefined)
  await first
  await expect.poll(() => looks.length).toBe(2)
  looks[1]!.resolve(undefined)
  await Promise.all(later)
  expect(callers.map((caller) => ask('a', caller))).toEqual(['a at 1', 'a at 2', 'a at 2', 'a at 2'])
  const last = prepare(callers[0]!)
  await expect.poll(() => looks.length).toBe(3)
  looks[2]!.resolve(undefined)
  await last
})

test('a look that fails, or is late, leaves the keys to be asked for', async () => {
  const failing = openRemembering(true)
  const caller = callerOf()
  const prepared = failing.prepare(caller)
  await expect.poll(() => failing.looks.length).toBe(1)
  failing.looks[0]!.resolve(undefined)
  await prepared
  expect(await failing.ask('a', caller)).toBe('a')
  const late = openRemembering()
  const hurried = callerOf(undefined, performance.now() + 10)
  await late.prepare(hurried)
  await expect.poll(() => late.looks.length).toBe(1)
  expect(await late.ask('a', hurried)).toBe('a')
  late.looks[0]!.resolve(undefined)
})
