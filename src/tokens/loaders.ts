/**
 * The loaders of one request. Equal keys merge, keys of one tick form one batch, and the source does the rest.
 *
 * DataLoader settles a batch as a whole, so a fast key would wait for a slow neighbour. Here a batch answers at once
 * with one box for each key, holding that key's own promise (ANCHORS 4.6): what was asked together is still batched,
 * but every key answers by itself.
 */
import { setMaxListeners } from 'node:events'
import DataLoader from 'dataloader'
import type { CodedError } from '../errors.ts'
import type { AccountList } from './accounts.ts'
import type { Caller, TokenRequest, TokenSource } from './source.ts'
import type { OAuthAccessToken } from './token.ts'

export interface Loaders {
  /** Rejects with a `CodedError`; none connected is an empty list. */
  tokens(request: TokenRequest): Promise<readonly OAuthAccessToken[]>
  /** What every upstream says that can list accounts; a failed one is a `CodedError` in its place. */
  accounts(user_id: string): Promise<readonly AccountList[]>
}

interface Box<V> {
  readonly answer: Promise<V>
}

/** Asked once for each distinct key, in order; an error refuses that key, which then asks nobody. */
export type AdmitKey = () => CodedError | null

/** The caller's signal aborts when nobody waits any more, or at the deadline; nothing outlives the request. */
export function createLoaders(source: TokenSource, caller: Caller, admit: AdmitKey): Loaders {
  // Every key waits on the signal; the default limit of ten listeners guards against leaks, which `finally` prevents.
  setMaxListeners(0, caller.signal)
  return {
    tokens: createLoad(
      onlyAdmitted(admit, (requests) => source.tokens(requests, caller)),
      // Everything that changes the result is part of the key.
      ({ user_id, provider, external_account_id, min_validity_seconds }) =>
        JSON.stringify([user_id, provider, external_account_id, min_validity_seconds]),
    ),
    accounts: createLoad(
      onlyAdmitted(admit, (user_ids) => source.accounts(user_ids, caller)),
      (user_id) => user_id,
    ),
  }
}

type Ask<K, V> = (keys: readonly K[]) => Promise<V>[]

/** Asks for the admitted keys alone, in one batch as before; the others are refused one by one. */
function onlyAdmitted<K, V>(admit: AdmitKey, ask: Ask<K, V>): Ask<K, V> {
  return (keys) => {
    const refusals = keys.map(() => admit())
    if (refusals.every((refusal) => refusal === null)) return ask(keys)
    const answers = ask(keys.filter((_, position) => refusals[position] === null)).values()
    return refusals.map(async (refusal) => {
      if (refusal !== null) throw refusal
      const { value, done } = answers.next()
      if (done === true) throw new Error('one answer for each key was promised')
      return value
    })
  }
}

function createLoad<K, V>(ask: Ask<K, V>, cacheKeyFn: (key: K) => string) {
  const loader = new DataLoader<K, Box<V>, string>(
    (keys) =>
      Promise.resolve(
        ask(keys).map((answer) => {
          answer.catch(() => undefined) // whoever opens the box sees it; an unopened one is no error of the process
          return { answer }
        }),
      ),
    { cacheKeyFn },
  )
  return async (key: K): Promise<V> => {
    try {
      const box = await loader.load(key)
      return await box.answer
    } catch (error) {
      loader.clear(key) // a failed key is not remembered
      throw error
    }
  }
}
