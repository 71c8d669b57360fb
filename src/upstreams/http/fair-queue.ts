/**
 * A queue that serves its viewers in turn, so that one who asks for a thousand keys delays nobody who asks for one.
 * Own code: bulkheads and task queues on npm serve in order of arrival or by priority.
 */

export interface FairQueue<T> {
  readonly size: number
  push(viewer: string, item: T): void
  /** The next item; undefined when there is none. */
  shift(): T | undefined
  delete(viewer: string, item: T): void
  /** How many of those that wait would come before a new item of this viewer. */
  ahead(viewer: string): number
  [Symbol.iterator](): Iterator<T>
}

export function createFairQueue<T>(): FairQueue<T> {
  /** Whose turn it is comes first; a Map keeps the order of insertion. */
  const turns = new Map<string, Set<T>>()
  let size = 0

  function take(viewer: string, items: Set<T>, item: T): void {
    if (!items.delete(item)) return
    size--
    if (items.size === 0) turns.delete(viewer)
  }

  return {
    get size() {
      return size
    },
    push(viewer, item) {
      const items = turns.get(viewer) ?? new Set()
      turns.set(viewer, items.add(item))
      size++
    },
    shift() {
      for (const [viewer, items] of turns) {
        const [item] = items
        if (item === undefined) continue
        turns.delete(viewer)
        turns.set(viewer, items)
        take(viewer, items, item)
        return item
      }
      return undefined
    },
    delete(viewer, item) {
      const items = turns.get(viewer)
      if (items !== undefined) take(viewer, items, item)
    },
    ahead(viewer) {
      const own = turns.get(viewer)?.size ?? 0
      // Those whose turn comes earlier are served once more before the new item than those whose turn comes later.
      let rounds = own + 1
      let before = own
      for (const [other, { size: waiting }] of turns) {
        if (other === viewer) rounds = own
        else before += Math.min(waiting, rounds)
      }
      return before
    },
    *[Symbol.iterator]() {
      for (const items of turns.values()) yield* items
    },
  }
}
