/** The loaders of one request: a memo, and an allowance of keys. The source batches and shares. */
import { setMaxListeners } from 'node:events'
import type { CodedError } from '../errors.ts'
import type { Answer } from '../lib/answer.ts'
import type { AccountList } from './accounts.ts'
import type { Caller, TokenSource } from './source.ts'
import type { SubjectToken, TokenRequest } from './types.ts'

export interface Loaders {
  /** Throws and rejects with a `CodedError`; none connected is an empty list. */
  tokens(request: TokenRequest): Answer<readonly SubjectToken[]>
  /** What every upstream says that can list accounts; a failed one is a `CodedError` in its place. */
  accounts(userId: string): Answer<readonly AccountList[]>
}

/** Called once for each distinct key; an error refuses that key, and no upstream is asked for it. */
export type ConsumeKey = () => CodedError | null

/** `caller.signal` aborts when the caller leaves, or at the deadline; nothing outlives the request. */
export function createLoaders(source: TokenSource, caller: Caller, consume: ConsumeKey): Loaders {
  // Every key in flight listens to the signal. The default of ten listeners warns of leaks, which `raceSignal` prevents.
  setMaxListeners(0, caller.signal)
  return {
    tokens: memoize(
      // Everything that changes the result is part of the key. No id holds a line feed.
      ({ userId, provider, externalAccountId, minValiditySeconds }: TokenRequest) =>
        `${userId}\n${provider}\n${minValiditySeconds}\n${externalAccountId ?? ''}`,
      (request) => source.tokens(request, caller),
      consume,
    ),
    accounts: memoize(
      (userId: string) => userId,
      (userId) => source.accounts(userId, caller),
      consume,
    ),
  }
}

/** Failures are not kept: a key that failed may be asked for again. */
function memoize<K, V>(idOf: (key: K) => string, ask: (key: K) => Answer<V>, consume: ConsumeKey) {
  const answers = new Map<string, Answer<V>>()
  return (key: K): Answer<V> => {
    const id = idOf(key)
    const known = answers.get(id)
    if (known !== undefined) return known
    const refusal = consume()
    if (refusal !== null) throw refusal
    const answer = ask(key)
    answers.set(id, answer)
    if (answer instanceof Promise) answer.catch(() => answers.delete(id))
    return answer
  }
}
