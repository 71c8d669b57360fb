/**
 * Decides when a request to an upstream may start: bounded concurrency, the rate limit of its credential, and the time
 * for which the platform asked to be left alone. A request that cannot start before its deadline is refused at once
 * (docs/promises.md R7). What is limited is shared: by the viewers, and by the providers that a platform asks itself.
 */
import { monotonicMs } from '../../lib/time.ts'
import type { RateOptions, UpstreamState } from '../platform.ts'
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

export interface BreakerOptions {
  /** Fewer requests than this never open it. */
  readonly minimumRequests: number
  /** The share of failures above which it opens. */
  readonly failureRate: number
}

/** `failed` null: the outcome says nothing about what the breaker protects. */
export interface Result<T> {
  readonly failed: boolean | null
  readonly outcome: T
}

export interface Breaker {
  /** Throws what `refuse` makes while nothing may be sent. */
  check(): void
  /**
   * Checks, runs `attempt` and counts its result; one that throws was withdrawn and counts neither way. `user`: whom
   * the request is about; null: nobody in particular.
   */
  run<T>(attempt: () => Promise<Result<T>>, user?: string | null): Promise<T>
  state(): UpstreamState['breaker']
}

const FIRST_PAUSE_MS = 1000
const MAX_PAUSE_MS = 10_000
/** The window is so many times the minimum of requests. */
const WINDOWS = 3

interface Counted {
  readonly failed: boolean
  readonly user: string | null
}

/** The breaker is open: `probeAt` is when the next request may be tried, in milliseconds of the monotonic clock. */
interface Opened {
  readonly probeAt: number
  readonly pauseMs: number
  readonly isProbing: boolean
}

/** `refuse` makes the error for a request that could be tried in so many milliseconds. */
export function createBreaker(
  { minimumRequests, failureRate }: BreakerOptions,
  refuse: (waitMs: number) => Error,
): Breaker {
  const size = minimumRequests * WINDOWS
  // The failures of one user do not open it, however many: an account or a session may be what is broken.
  const perUser = Math.max(1, Math.floor((minimumRequests * failureRate) / 2))
  let counted: Counted[] = []
  let opened: Opened | null = null

  function check(): void {
    if (opened === null) return
    if (opened.isProbing) throw refuse(FIRST_PAUSE_MS)
    const pause = opened.probeAt - monotonicMs()
    if (pause > 0) throw refuse(pause)
  }

  function open(pauseMs: number): void {
    opened = { probeAt: monotonicMs() + pauseMs, pauseMs, isProbing: false }
    counted = []
  }

  function count(failed: boolean, user: string | null): void {
    if (failed && user !== null && counted.filter((each) => each.failed && each.user === user).length >= perUser) return
    counted.push({ failed, user })
    if (counted.length > size) counted.shift()
    if (!failed || counted.length < minimumRequests) return
    if (counted.filter((each) => each.failed).length / counted.length > failureRate) open(FIRST_PAUSE_MS)
  }

  /** Closes the breaker again, or keeps it open for longer; a probe that says nothing leaves the pause as it is. */
  function endProbe(failed: boolean | null, pauseMs: number): void {
    if (failed === false) opened = null
    else open(failed ? Math.min(pauseMs * 2, MAX_PAUSE_MS) : pauseMs)
  }

  return {
    check,
    async run(attempt, user = null) {
      check()
      const before = opened
      const probe = before === null ? null : { ...before, isProbing: true }
      if (probe !== null) opened = probe
      let failed: boolean | null = null
      try {
        const result = await attempt()
        failed = result.failed
        return result.outcome
      } finally {
        if (probe !== null) endProbe(failed, probe.pauseMs)
        // What was sent before it opened says nothing about now.
        else if (failed !== null && opened === null) count(failed, user)
      }
    },
    state() {
      if (opened === null) return 'closed'
      return opened.isProbing ? 'half-open' : 'open'
    },
  }
}
