/** The loaders of one request: a memo, and an allowance of keys. The source batches and shares. */
import type { CodedError } from '../errors.ts'
import { raceSignal } from '../lib/time.ts'
import type { Answer } from '../lib/answer.ts'
import type { AccountList } from './accounts.ts'
import type { Caller, TokenSource } from './source.ts'
import type { SubjectToken, TokenRequest } from './types.ts'

export interface Loaders {
  /** Throws and rejects with a `CodedError`; none connected is an empty list. */
  tokens(request: TokenRequest): Answer<readonly SubjectToken[]>
  /** As `TokenSource.prepare`; call it before many tokens are asked for. */
  prepare(): Promise<unknown> | null
  /** What every upstream says that can list accounts; a failed one is a `CodedError` in its place. */
  accounts(userId: string): Answer<readonly AccountList[]>
  /** Counts a change of an account as a key. Throws the refusal. */
  consume(): void
  /** Waits until the caller leaves or its deadline comes; the work goes on, and its end is not lost. */
  within<T>(work: Promise<T>): Promise<T>
}

/** Called once for each distinct key; an error refuses that key, and no upstream is asked for it. */
export type ConsumeKey = () => CodedError | null

/** `caller.signal` aborts when the caller leaves, or at the deadline; nothing outlives the request. */
export function createLoaders(source: TokenSource, caller: Caller, consume: ConsumeKey): Loaders {
  return {
    tokens: memoize(
      ({ userId }: TokenRequest) => userId,
      isSameRequest,
      (request) => source.tokens(request, caller),
      consume,
    ),
    prepare: () => source.prepare(caller),
    accounts: memoize(
      (userId: string) => userId,
      () => true,
      (userId) => source.accounts(userId, caller),
      consume,
    ),
    consume() {
      const refusal = consume()
      if (refusal !== null) throw refusal
    },
    within: (work) => raceSignal(work, caller.signal),
  }
}

/** Everything that changes the result; the user is the same. */
function isSameRequest(a: TokenRequest, b: TokenRequest): boolean {
  return (
    a.provider === b.provider &&
    a.minValiditySeconds === b.minValiditySeconds &&
    a.externalAccountId === b.externalAccountId
  )
}

interface Asked<K, V> {
  readonly key: K
  readonly answer: Answer<V>
  /** Of the same user, asked before; null: none. */
  before: Asked<K, V> | null
}

/**
 * The keys of one user are few, and are compared one by one: that costs less than to make a text of each. Failures are
 * not kept: a key that failed may be asked for again.
 */
function memoize<K, V>(
  userOf: (key: K) => string,
  isSame: (a: K, b: K) => boolean,
  ask: (key: K) => Answer<V>,
  consume: ConsumeKey,
) {
  /** What was asked last of each user. */
  const byUser = new Map<string, Asked<K, V> | null>()

  function forget(asked: Asked<K, V>): void {
    const user = userOf(asked.key)
    let at = byUser.get(user) ?? null
    if (at === asked) byUser.set(user, asked.before)
    for (; at !== null; at = at.before) if (at.before === asked) at.before = asked.before
  }

  return (key: K): Answer<V> => {
    const user = userOf(key)
    const last = byUser.get(user) ?? null
    for (let at = last; at !== null; at = at.before) if (isSame(at.key, key)) return at.answer
    const refusal = consume()
    if (refusal !== null) throw refusal
    const answer = ask(key)
    const asked = { key, answer, before: byUser.get(user) ?? null }
    byUser.set(user, asked)
    if (answer instanceof Promise)
      answer.catch(() => {
        forget(asked)
      })
    return answer
  }
}
