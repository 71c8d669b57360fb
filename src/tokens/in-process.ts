/**
 * Keys for a platform in this process. Nothing is saved by sharing a key with another request, because no call leaves the
 * process: the keys of one tick are one batch, and each request waits for its own keys as a whole.
 */
import { createWork } from '../lib/singleflight.ts'
import type { Work } from '../lib/singleflight.ts'
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

/** Returns a function of one key; it rejects with the reason of the caller's signal when that aborts. */
export function batchInProcess<K, V>({ max, id, many }: Many<K, V>): (key: K, caller: Call) => Promise<V | null> {
  let next: Batch<K, V> | null = null

  async function ask(wanted: readonly Wanted<K, V>[], work: Work, viewer: string | null): Promise<void> {
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
      await ask(wanted.slice(at, at + max), work, first?.viewer ?? null)
    work.settle()
    for (const stop of waits) stop()
  }

  return (key, caller) => {
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
}
