/**
 * Decides when a request to an upstream may start: bounded concurrency, the rate limit of its credential, and the time
 * for which the platform asked to be left alone. A request that cannot start before its deadline is refused at once
 * (docs/promises.md R7). What is limited is shared: by the viewers, and by the providers that a platform asks itself.
 */
import { monotonicMs } from '../../lib/time.ts'
import type { RateOptions } from '../platform.ts'
import { createFairQueue, createRateWindow, createSharing } from './rate.ts'

export interface LimiterOptions {
  /** How many requests may be in flight at the same time. */
  readonly concurrency: number
  /** null: the platform states no limit. */
  readonly rate: RateOptions | null
  /** Makes the error for a request that would have to wait for so many milliseconds. */
  refuse(waitMs: number): Error
  /** Makes the error for a request whose turn comes when its time is over. */
  expire(): Error
}

/** What one provider behind the platform occupies; opaque outside of this file. */
export interface Scope {
  inFlight: number
  /** Milliseconds of the monotonic clock. */
  blockedUntil: number
}

export function createScope(): Scope {
  return { inFlight: 0, blockedUntil: 0 }
}

export interface Turn {
  /** Viewers are served in turn. */
  readonly viewer: string
  /** null: the request concerns no single provider. */
  readonly scope: Scope | null
  readonly signal: AbortSignal
  /** Milliseconds on the clock of `performance.now()`; it may move while the request waits. */
  deadline(): number
}

/** Called when the request is over; `sent: false`: the platform never received it. */
export type Release = (sent: boolean) => void

export interface Limiter {
  /** Resolves when the request may start. Rejects with what `refuse` or `expire` make, or with the signal's reason. */
  acquire(turn: Turn): Promise<Release>
  /** Starts nothing for so many milliseconds; with a scope: nothing in that scope. */
  block(ms: number, scope: Scope | null): void
  state(): LimiterState
}

export interface LimiterState {
  readonly queued: number
  readonly inFlight: number
  /** Milliseconds for which the platform still asks to be left alone. */
  readonly blockedMs: number
}

interface Waiter extends Turn {
  resolve(release: Release): void
  reject(reason: Error): void
}

/** Milliseconds before its deadline at which a request that others pushed back is refused. */
const NOTICE_MS = 20
/** With fewer milliseconds left nothing is sent: no platform answers so fast, and the request before it just timed out. */
const LEAST_MS = 5
/** The part of the concurrency that no single scope takes while several are in use: a provider that hangs fills its own. */
const RESERVE = 0.2
/** Milliseconds after which a scope that was used counts as idle. */
const SCOPE_IDLE_MS = 60_000

export function createLimiter({ concurrency, rate, refuse, expire }: LimiterOptions): Limiter {
  const queue = createFairQueue<Waiter, Scope>()
  const window = rate && createRateWindow(rate)
  const scopes = createSharing<Scope>(SCOPE_IDLE_MS)
  const scopeConcurrency = Math.max(1, concurrency - Math.ceil(concurrency * RESERVE))
  let inFlight = 0
  let blockedUntil = 0
  let timer: NodeJS.Timeout | undefined

  /** When the rate limit lets a request start that has `position` requests before it. */
  function startOf(position: number, now: number): number {
    return Math.max(blockedUntil, window?.startOf(position, now) ?? now)
  }

  function isOpen(scope: Scope | null, now: number): boolean {
    if (scope === null) return true
    return scope.blockedUntil <= now && (scope.inFlight < scopeConcurrency || scopes.sharedMs(now) === null)
  }

  /** Whether the viewer has a share left, and the scope is open; both only hold back requests of their own. */
  function isEligible({ viewer, scope }: Pick<Turn, 'viewer' | 'scope'>, now: number): boolean {
    return isOpen(scope, now) && (window === null || window.room(viewer, now) > 0)
  }

  function start({ viewer, scope }: Turn): Release {
    inFlight++
    if (scope !== null) scope.inFlight++
    window?.acquire(viewer)
    let isReleased = false
    return (sent) => {
      if (isReleased) return
      isReleased = true
      inFlight--
      if (scope !== null) scope.inFlight--
      window?.release(monotonicMs(), sent, viewer)
      pump()
    }
  }

  /** When the viewer has a share of the rate limit again; 0 where it has one, or where only answers are awaited. */
  function shareOf(viewer: string, now: number): number {
    if (window === null || window.room(viewer, now) > 0) return 0
    const at = window.nextFreed(now)
    return at < Infinity ? at : 0
  }

  /** Starts every request that may start now, and sets a timer for the next one. */
  function pump(): void {
    clearTimeout(timer)
    while (queue.size > 0 && inFlight < concurrency) {
      const now = monotonicMs()
      const at = startOf(0, now)
      const waiter = at > now ? undefined : queue.shift((viewer, scope) => isEligible({ viewer, scope }, now))
      if (waiter === undefined) {
        const next = at > now ? at : nextChange(now)
        if (next < Infinity) timer = setTimeout(pump, Math.ceil(next - now)).unref()
        return
      }
      if (waiter.deadline() - now < LEAST_MS) waiter.reject(expire())
      else waiter.resolve(start(waiter))
    }
  }

  /** When a request may become eligible that is not, other than by the end of one in flight. */
  function nextChange(now: number): number {
    const blocks = queue.scopes().map((scope) => scope?.blockedUntil ?? 0)
    const ahead = [window?.nextFreed(now) ?? Infinity, ...blocks].filter((at) => at > now)
    return Math.min(Infinity, ...ahead)
  }

  async function wait(turn: Turn): Promise<Release> {
    const { promise, resolve, reject } = Promise.withResolvers<Release>()
    const waiter = { ...turn, resolve, reject }
    const { viewer, scope, signal } = turn
    const onAbort = (): void => {
      queue.delete(viewer, waiter, scope)
      reject(signal.reason as Error)
    }
    let notice: NodeJS.Timeout | undefined
    const watch = (): void => {
      const now = monotonicMs()
      const left = turn.deadline() - NOTICE_MS - now
      const at = Math.max(startOf(0, now), scope?.blockedUntil ?? 0, shareOf(viewer, now))
      if (left > 0) notice = setTimeout(watch, Math.ceil(left)).unref()
      // Where only the concurrency is in the way, the platform is slow: the deadline reports that.
      else if (at > now) {
        queue.delete(viewer, waiter, scope)
        reject(refuse(at - now))
      }
    }
    signal.addEventListener('abort', onAbort, { once: true })
    queue.push(viewer, waiter, scope)
    watch()
    pump()
    try {
      return await promise
    } finally {
      clearTimeout(notice)
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    async acquire(turn) {
      turn.signal.throwIfAborted()
      const { viewer, scope } = turn
      const now = monotonicMs()
      window?.see(viewer, now)
      if (scope !== null) scopes.see(scope, now)
      const position = window === null ? 0 : queue.ahead(viewer, (other) => isOpen(other, now))
      const at = Math.max(startOf(position, now), scope?.blockedUntil ?? 0)
      if (at > turn.deadline()) throw refuse(at - now)
      const isFree = queue.size === 0 && inFlight < concurrency && at <= now && isEligible(turn, now)
      return isFree ? start(turn) : wait(turn)
    },
    block(ms, scope) {
      const until = monotonicMs() + ms
      if (until <= (scope?.blockedUntil ?? blockedUntil)) return
      if (scope === null) blockedUntil = until
      else scope.blockedUntil = until
      for (const waiter of queue) {
        if ((scope !== null && waiter.scope !== scope) || waiter.deadline() >= until) continue
        queue.delete(waiter.viewer, waiter, waiter.scope)
        waiter.reject(refuse(ms))
      }
    },
    state() {
      return { queued: queue.size, inFlight, blockedMs: Math.max(0, Math.ceil(blockedUntil - monotonicMs())) }
    },
  }
}
