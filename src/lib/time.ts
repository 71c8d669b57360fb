/**
 * The two clocks, and waits that end with a deadline or a signal. Durations (ages, time limits, rates) run on the monotonic
 * clock, which no operator, NTP or leap second moves. The wall clock answers one question: how does an absolute time of
 * another system (`exp`, `expires_at`, an HTTP date) compare with now? The linter refuses `Date.now()` and `new Date()`
 * elsewhere in `src`.
 */

/** Milliseconds, with fractions, since the process began. */
export function monotonicMs(): number {
  return performance.now()
}

/** Milliseconds since 1970 by the wall clock, which may jump in both directions. */
export function unixMs(): number {
  return Date.now()
}

/** Whole seconds since 1970 by the wall clock. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/**
 * The same clock, read once in each tick of the event loop: an operation may ask for the time of a thousand keys. It is late
 * by as long as the tick takes.
 */
export function oncePerTick(read: () => number): () => number {
  let value: number | null = null
  const forget = (): void => {
    value = null
  }
  return () => {
    if (value === null) {
      value = read()
      process.nextTick(forget)
    }
    return value
  }
}

/** ISO 8601 in UTC, with milliseconds, by the wall clock. */
export function isoNow(): string {
  const now = Date.now()
  if (now !== written.ms) written = { ms: now, text: new Date(now).toISOString() }
  return written.text
}

/** The text of the last millisecond that was asked for: many requests share one. */
let written = { ms: 0, text: '' }

/**
 * Settles with `promise`, or rejects with the reason of `signal` as soon as it aborts. The promise goes on: a rejection
 * of it that comes later is handled here. The listener is removed when either settles, so that a signal that outlives
 * many promises does not collect listeners.
 */
export function raceSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort)
    })
  })
}

/** Resolves to true when `promise` resolves, and to false after `ms` milliseconds; rejects when it rejects before. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false)
  })
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

interface Alarm {
  /** Milliseconds on the clock of `performance.now()`. */
  readonly at: number
  ring(): void
  /** Its place in the list of all alarms; -1: in none. */
  place: number
}

const alarms: Alarm[] = []
/** One timer for all of them: nearly every alarm is stopped long before its time. */
let alarmTimer: NodeJS.Timeout | null = null
let alarmDue = Infinity
const MAX_TIMER_MS = 2_147_483_647

/**
 * Calls `ring` at a time on the clock of `performance.now()`, in milliseconds, unless the function that it returns is
 * called first. Does not keep the process alive.
 */
export function callAt(at: number, ring: () => void): () => void {
  const alarm: Alarm = { at, ring, place: alarms.length }
  alarms.push(alarm)
  if (at < alarmDue) startAlarmTimer(at)
  return () => {
    stopAlarm(alarm)
  }
}

function stopAlarm(alarm: Alarm): void {
  const last = alarms.at(-1)
  if (alarm.place === -1 || last === undefined) return
  alarms[alarm.place] = last
  last.place = alarm.place
  alarms.pop()
  alarm.place = -1
}

function startAlarmTimer(at: number): void {
  if (alarmTimer !== null) clearTimeout(alarmTimer)
  alarmDue = at
  const leftMs = Math.ceil(at - performance.now())
  alarmTimer = setTimeout(ringAlarms, Math.min(Math.max(leftMs, 0), MAX_TIMER_MS)).unref()
}

function ringAlarms(): void {
  alarmTimer = null
  alarmDue = Infinity
  const now = performance.now()
  const due = alarms.filter(({ at }) => at <= now)
  for (const alarm of due) stopAlarm(alarm)
  const next = alarms.reduce((least, { at }) => Math.min(least, at), Infinity)
  if (next < Infinity) startAlarmTimer(next)
  for (const { ring } of due) ring()
}

/** Settles with `promise`, or rejects with what `late` returns at a time on the clock of `performance.now()`. */
export function within<T>(promise: Promise<T>, at: number, late: () => Error): Promise<T> {
  // Every request waits so for its body: `Promise.race` would make six promises and closures of it.
  return new Promise((resolve, reject) => {
    const stop = callAt(at, () => {
      reject(late())
    })
    const settle = (): void => {
      stop()
      resolve(promise)
    }
    promise.then(settle, settle)
  })
}

export interface Bound {
  /** Milliseconds from now that the work may take. */
  readonly timeoutMs: number
  /** Milliseconds on the clock of `performance.now()`. Asked again when it is reached, because it may move. */
  deadline(): number
  /** Makes the error for work that ran out of time. */
  timedOut(): Error
}

/**
 * Runs `work` with a signal that aborts together with `outer`, after `timeoutMs`, or at the deadline, and settles at
 * that moment even when `work` does not. Rejects with the reason of `outer`, or with what `timedOut` returns.
 */
export async function withDeadline<T>(
  outer: AbortSignal,
  { timeoutMs, deadline, timedOut }: Bound,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted()
  const last = performance.now() + timeoutMs
  const leftMs = (): number => Math.min(last, deadline()) - performance.now()
  if (leftMs() <= 0) throw timedOut()
  const controller = new AbortController()
  const onAbort = (): void => {
    controller.abort(outer.reason)
  }
  let timer: NodeJS.Timeout | undefined
  const watch = (): void => {
    const left = leftMs()
    if (left <= 0) controller.abort(timedOut())
    else timer = setTimeout(watch, Math.ceil(left)).unref()
  }
  outer.addEventListener('abort', onAbort, { once: true })
  watch()
  try {
    return await raceSignal(work(controller.signal), controller.signal)
  } catch (error) {
    // A refused answer may still have a body on its way: the abort closes the connection.
    controller.abort(error)
    throw error
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', onAbort)
  }
}
