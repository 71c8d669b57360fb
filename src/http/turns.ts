/**
 * Shares the one thread between connections: requests begin their work in turns of a few milliseconds, between which
 * the event loop reads and writes, and each connection has one request before any has its second. A connection that
 * sends many requests at once delays itself (docs/promises.md R10).
 */
import { monotonicMs } from '../lib/clock.ts'

export interface Turns {
  /** Null: the request may begin at once. */
  wait(connection: object): Promise<undefined> | null
  /** Milliseconds for which the longest waiting request has waited. */
  waitedMs(): number
}

interface Waiter {
  readonly since: number
  begin(value: undefined): void
}

/** Milliseconds of work between two turns of the event loop. */
const SLICE_MS = 10

export function createTurns(sliceMs: number = SLICE_MS): Turns {
  /** The first connection is the next; one with more requests goes to the end. */
  const queues = new Map<object, Waiter[]>()
  let endsAt = 0
  let isSliceOpen = false
  let isStepping = false

  function openSlice(): void {
    isSliceOpen = true
    endsAt = monotonicMs() + sliceMs
    setImmediate(nextSlice)
  }

  function nextSlice(): void {
    isSliceOpen = false
    if (queues.size === 0) return
    openSlice()
    step()
  }

  /** Begins one request; what it does until it waits for something is over when the next tick comes. */
  function step(): void {
    isStepping = false
    if (monotonicMs() >= endsAt) return
    takeNext()?.begin(undefined)
    if (queues.size === 0) return
    isStepping = true
    process.nextTick(step)
  }

  function takeNext(): Waiter | null {
    for (const [connection, [waiter, ...others]] of queues) {
      queues.delete(connection)
      if (others.length > 0) queues.set(connection, others)
      return waiter ?? null
    }
    return null
  }

  return {
    wait(connection) {
      if (!isSliceOpen) openSlice()
      if (queues.size === 0 && monotonicMs() < endsAt) return null
      const { promise, resolve } = Promise.withResolvers<undefined>()
      const waiter = { since: monotonicMs(), begin: resolve }
      const queue = queues.get(connection)
      if (queue === undefined) queues.set(connection, [waiter])
      else queue.push(waiter)
      if (!isStepping && monotonicMs() < endsAt) {
        isStepping = true
        process.nextTick(step)
      }
      return promise
    },
    waitedMs() {
      let oldest = Infinity
      for (const [first] of queues.values()) oldest = Math.min(oldest, first?.since ?? Infinity)
      return oldest === Infinity ? 0 : monotonicMs() - oldest
    },
  }
}
