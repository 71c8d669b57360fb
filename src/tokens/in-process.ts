/**
 * Keys for a platform in this process. Nothing is saved by sharing a key with another request, because no call leaves the
 * process: the keys of one tick are one batch, and each request waits for its own keys as a whole. What the platform
 * remembers is proved once for each request, and then answered at hand.
 */
import { setImmediate } from 'node:timers/promises'
import { CodedError } from '../errors.ts'
import type { Answer } from '../lib/answer.ts'
import { createWork } from '../lib/singleflight.ts'
import type { Work } from '../lib/singleflight.ts'
import { within } from '../lib/time.ts'
import type { Call, Many } from '../upstreams/platform.ts'

interface Wanted<K, V> {
  readonly key: K
  readonly answer: PromiseWithResolvers<V | null>
}

interface Batch<K, V> {
  readonly byCaller: Map<Call, Wanted<K, V>[]>
}

/** Makes a caller wait for its keys until it leaves. Returns what ends the wait. */
function wait<K, V>({ signal, deadline, traces }: Call, wanted: readonly Wanted<K, V>[], work: Work): () => void {
  const leave = (): void => {
    work.leave()
    for (const { answer } of wanted) answer.reject(signal.reason)
  }
  work.enter(deadline(), traces?.())
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  return () => {
    signal.removeEventListener('abort', leave)
  }
}

export interface InProcess<K, V> {
  /** A promise rejects with the reason of the caller's signal when that aborts. Throws the error of a key at hand. */
  ask(key: K, caller: Call): Answer<V | null>
  /**
   * Looks once whether what is remembered still holds: what `ask` then answers the caller at hand. Never rejects, and is
   * over by the caller's deadline. Null: nothing is remembered.
   */
  readonly prepare: ((caller: Call) => Promise<void>) | null
}

type Recall<K, V> = (key: K) => V | Error | undefined

export function batchInProcess<K, V>({ max, id, many, remembered }: Many<K, V>): InProcess<K, V> {
  /** What was proved for a request, whose first look came after it began. */
  const proved = new WeakMap<Call, Recall<K, V>>()
  const look = remembered && shareLooks(remembered)
  let next: Batch<K, V> | null = null

  async function askFor(wanted: readonly Wanted<K, V>[], work: Work, viewer: string | null): Promise<void> {
    const keys = new Map(wanted.map(({ key }) => [id(key), key]))
    const { signal } = work
    try {
      const found = await many([...keys.values()], {
        signal,
        deadline: () => work.deadline(),
        viewer,
        traces: () => work.traces(),
      })
      for (const { key, answer } of wanted) {
        const value = found.get(id(key)) ?? null
        if (value instanceof Error) answer.reject(value)
        else answer.resolve(value)
      }
    } catch (error) {
      for (const { answer } of wanted) answer.reject(error)
    }
  }

  async function run({ byCaller }: Batch<K, V>): Promise<void> {
    const work = createWork()
    const waits = [...byCaller].map(([caller, wanted]) => wait(caller, wanted, work))
    const wanted = [...byCaller].flatMap(([caller, own]) => (caller.signal.aborted ? [] : own))
    const [first] = byCaller.keys()
    for (let at = 0; at < wanted.length && !work.signal.aborted; at += max)
      await askFor(wanted.slice(at, at + max), work, first?.viewer ?? null)
    work.settle()
    for (const stop of waits) stop()
  }

  async function prepare(caller: Call): Promise<void> {
    try {
      const recall = await within(
        look?.(caller) ?? nothing,
        caller.deadline(),
        () => new CodedError('UPSTREAM_TIMEOUT'),
      )
      if (recall !== null) proved.set(caller, recall)
    } catch {
      // The keys are asked for, which says what is wrong.
    }
  }

  function ask(key: K, caller: Call): Answer<V | null> {
    const known = proved.get(caller)?.(key)
    if (known instanceof Error) throw known
    return known ?? enqueue(key, caller)
  }

  function enqueue(key: K, caller: Call): Promise<V | null> {
    if (next === null) {
      const batch: Batch<K, V> = (next = { byCaller: new Map() })
      // After the promises of this tick, as DataLoader does: what they lead to is part of the batch.
      void Promise.resolve().then(() => {
        process.nextTick(() => {
          next = null
          void run(batch)
        })
      })
    }
    const answer = Promise.withResolvers<V | null>()
    const wanted = next.byCaller.get(caller)
    if (wanted === undefined) next.byCaller.set(caller, [{ key, answer }])
    else wanted.push({ key, answer })
    return answer.promise
  }

  return { ask, prepare: look === undefined ? null : prepare }
}

const nothing = Promise.resolve(null)

/**
 * Returns a look that began after it was asked for. What is asked for while one is under way shares the next one, so that a
 * busy server looks no more often than it can.
 */
function shareLooks<T>(begin: (call: Pick<Call, 'deadline'>) => Promise<T>): (caller: Call) => Promise<T> {
  let current: Promise<unknown> | null = null
  let next: Promise<T> | null = null

  async function lookAfter(before: Promise<unknown>, caller: Call): Promise<T> {
    await before
    const own = begin({ deadline: () => caller.deadline() })
    next = null
    current = own.then(ended, ended)
    return own
  }
  const ended = (): void => {
    if (next === null) current = null
  }
  return (caller) => (next ??= lookAfter(current ?? setImmediate(), caller))
}
