/** The rate limit of a credential, and how viewers share it. */
import type { RateOptions } from '../platform.ts'

/** All times are milliseconds of one monotonic clock; viewers are opaque ids. */
export interface RateWindow {
  /** The earliest start of a request with `position` requests before it; `now` where it can start at once. */
  startOf(position: number, now: number): number
  /** When the next slot becomes free that no request in flight holds; Infinity: none is held. */
  nextFreed(now: number): number
  /** The viewer asks: it counts as one that shares the window. */
  see(viewer: string, now: number): void
  /** How many requests the viewer may start now, by its share of the window; zero or less: none. */
  room(viewer: string, now: number): number
  acquire(viewer?: string): void
  /** The request is over; `sent: false` gives its slot back as if it had never been taken. */
  release(now: number, sent: boolean, viewer?: string): void
}

/** A thousandth of the span, for clocks that do not run at the same speed (NTP slews by up to 500 ppm). */
const MARGIN = 1.001

/**
 * A viewer may hold so many slots for each slot that is free. One greedy viewer then takes four fifths of what the others
 * do not hold and leaves a fifth to newcomers, two leave a ninth, and so on: dynamic thresholds, as switches share a
 * buffer among queues (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998).
 */
const SHARE = 4
/** The same in the first span of sharing, in which the others do not yet hold what they will need. */
const FIRST_SHARE = 1
/** Spans after which a viewer that asked counts as gone. */
const IDLE_SPANS = 6

/**
 * A strict sliding window: in any span of `perSeconds`, wherever it begins, the platform receives at most `requests`
 * requests from this process.
 *
 * To count what is sent is not enough: a request that was slow on its way arrives together with later ones. A slot is
 * therefore held from before the request is sent until `perSeconds` after its answer. Of the requests that arrive in
 * one span, all others still hold their slots when the last of them is sent, so there can be no more of them than
 * slots. The price is one round trip per span.
 *
 * While several viewers ask, each has a share (`SHARE`); a viewer that asks by itself has the whole window.
 *
 * Own code: the limiters on npm count by fixed windows or token buckets, which let up to twice the limit through around
 * a boundary, or hold no slot for a request in flight; none tells when a request can start, and none knows viewers.
 */
export function createRateWindow({ requests, perSeconds }: RateOptions): RateWindow {
  const span = perSeconds * 1000 * MARGIN
  /** When slots become free, in order, because requests are released in order of time. */
  const freed: { readonly at: number; readonly viewer: string }[] = []
  /** Slots by viewer, those in flight included. */
  const held = new Map<string, number>()
  const viewers = createSharing<string>(span * IDLE_SPANS)
  let inFlight = 0

  function giveBack(viewer: string): void {
    const left = (held.get(viewer) ?? 0) - 1
    if (left > 0) held.set(viewer, left)
    else held.delete(viewer)
  }

  function forget(now: number): void {
    let over = 0
    while (over < freed.length && (freed[over]?.at ?? 0) <= now) over++
    for (const { viewer } of freed.splice(0, over)) giveBack(viewer)
  }

  return {
    startOf(position, now) {
      forget(now)
      const free = requests - inFlight - freed.length
      // Every slot serves one request in each span.
      const rounds = Math.floor(position / requests)
      const slot = position % requests
      // In-flight requests hold their slot for at least one full span.
      const first = slot < free ? now : (freed[slot - free]?.at ?? now + span)
      return first + rounds * span
    },
    nextFreed(now) {
      forget(now)
      return freed[0]?.at ?? Infinity
    },
    see: viewers.see,
    room(viewer, now) {
      forget(now)
      const free = requests - inFlight - freed.length
      const sharedMs = viewers.sharedMs(now)
      if (sharedMs === null) return free
      const share = sharedMs < span ? FIRST_SHARE : SHARE
      // After n more requests the viewer holds n more slots, and n fewer are free.
      return Math.ceil((share * free - (held.get(viewer) ?? 0)) / (share + 1))
    },
    acquire(viewer = '') {
      inFlight++
      held.set(viewer, (held.get(viewer) ?? 0) + 1)
    },
    release(now, sent, viewer = '') {
      inFlight--
      if (sent) freed.push({ at: now + span, viewer })
      else giveBack(viewer)
    },
  }
}

/** Whether several parties use something. Times are milliseconds of a monotonic clock. */
export interface Sharing<T> {
  see(party: T, now: number): void
  /** For how long several have used it, without a pause of `idleMs`; null: one does, or none. */
  sharedMs(now: number): number | null
}

export function createSharing<T>(idleMs: number): Sharing<T> {
  let last: T | null = null
  let since = 0
  let until = 0
  return {
    see(party, now) {
      if (last !== null && last !== party) {
        if (now >= until) since = now
        until = now + idleMs
      }
      last = party
    },
    sharedMs: (now) => (now < until ? now - since : null),
  }
}

/** A queue of items by viewer, and by what else may hold an item back: its scope. */
export interface FairQueue<T, S = null> {
  readonly size: number
  push(viewer: string, item: T, scope?: S | null): void
  /** Removes and returns the next item that may start; undefined where there is none. */
  shift(mayStart?: (viewer: string, scope: S | null) => boolean): T | undefined
  delete(viewer: string, item: T, scope?: S | null): void
  /** How many of the queued items would come before a new item of this viewer; those of closed scopes do not. */
  ahead(viewer: string, isOpen?: (scope: S | null) => boolean): number
  /** The scopes of queued items. */
  scopes(): readonly (S | null)[]
  [Symbol.iterator](): Iterator<T>
}

/**
 * A queue that serves its viewers in turn: a thousand keys of one viewer do not delay the one key of another. Own code,
 * because bulkheads and task queues on npm serve in order of arrival or by priority.
 */
export function createFairQueue<T, S = null>(): FairQueue<T, S> {
  /** Items with their number, in order; those of a viewer are apart by scope, so that a closed one costs no search. */
  type Lines = Map<S | null, Map<T, number>>
  /** In the order of turns: a Map keeps the order of insertion. */
  const turns = new Map<string, Lines>()
  let size = 0
  let pushed = 0

  function take(viewer: string, lines: Lines, scope: S | null, item: T): void {
    const items = lines.get(scope)
    if (items?.delete(item) !== true) return
    size--
    if (items.size === 0) lines.delete(scope)
    if (lines.size === 0) turns.delete(viewer)
  }

  /** The oldest item of the viewer that may start. */
  function oldest(lines: Lines, mayStart: (scope: S | null) => boolean): readonly [S | null, T] | null {
    let found: { readonly scope: S | null; readonly item: T; readonly number: number } | null = null
    for (const [scope, items] of lines) {
      const [first] = items
      if (first === undefined || (found !== null && first[1] > found.number) || !mayStart(scope)) continue
      found = { scope, item: first[0], number: first[1] }
    }
    return found && [found.scope, found.item]
  }

  return {
    get size() {
      return size
    },
    push(viewer, item, scope = null) {
      const lines: Lines = turns.get(viewer) ?? new Map<S | null, Map<T, number>>()
      const items = lines.get(scope) ?? new Map<T, number>()
      turns.set(viewer, lines.set(scope, items.set(item, pushed++)))
      size++
    },
    shift(mayStart = () => true) {
      for (const [viewer, lines] of turns) {
        const next = oldest(lines, (scope) => mayStart(viewer, scope))
        if (next === null) continue
        const [scope, item] = next
        turns.delete(viewer)
        turns.set(viewer, lines)
        take(viewer, lines, scope, item)
        return item
      }
      return undefined
    },
    delete(viewer, item, scope = null) {
      const lines = turns.get(viewer)
      if (lines !== undefined) take(viewer, lines, scope, item)
    },
    ahead(viewer, isOpen = () => true) {
      const waitingIn = (lines: Lines): number => {
        let count = 0
        for (const [scope, items] of lines) if (isOpen(scope)) count += items.size
        return count
      }
      const lines = turns.get(viewer)
      const own = lines === undefined ? 0 : waitingIn(lines)
      // A viewer whose turn comes earlier is served once more before the new item than one whose turn comes later.
      let rounds = own + 1
      let before = own
      for (const [other, others] of turns) {
        if (other === viewer) rounds = own
        else before += Math.min(waitingIn(others), rounds)
      }
      return before
    },
    scopes: () => [...new Set([...turns.values()].flatMap((lines) => [...lines.keys()]))],
    *[Symbol.iterator]() {
      for (const lines of turns.values()) for (const items of lines.values()) yield* items.keys()
    },
  }
}
