/**
 * Shares calls in flight: a key that is being asked for is not asked for again, whoever wants it (Go's singleflight).
 *
 * A call is aborted when the last caller that waits for it has left, and not before: aborting one of a merged batch
 * must not abort the others (graphql-hive/gateway #1928). Nothing is kept once a call has settled. Own code, because
 * the packages for this (async-cache-dedupe, undici's deduplicate interceptor) do not count who waits.
 */
import { raceSignal } from './time.ts'

/** A span as others refer to it (W3C Trace Context). */
export interface SpanLink {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
}

/** What a caller brings: when it leaves, and how long it can wait. */
export interface Waiter {
  readonly signal: AbortSignal
  /** Milliseconds on the clock of `performance.now()`. */
  deadline(): number
  /** The spans in which the caller waits; left out: nothing traces it. */
  traces?(): readonly SpanLink[]
}

/** Work that callers wait for: its signal aborts when the last of them has left before it settled. */
export interface Work extends Waiter {
  /** Of every caller so far, `MAX_TRACES` at most. */
  traces(): readonly SpanLink[]
  /** Adds a caller that waits until `deadline`. */
  enter(deadline: number, traces?: readonly SpanLink[]): void
  leave(): void
  /** The work is over: callers that leave from now on abort nothing. */
  settle(): void
  /** Makes this work part of a larger one, which goes on for as long as a caller waits for any of its parts. */
  joinTo(whole: Work): void
}

/** What OpenTelemetry keeps of the links of a span. */
const MAX_TRACES = 128

/** `deadline`: that of the first caller, whose `enter` follows. */
export function createWork(deadline = 0): Work {
  const controller = new AbortController()
  let waiting = 0
  let latest = deadline
  let settled = false
  let larger: Work | null = null
  const seen = new Set<SpanLink>()
  return {
    signal: controller.signal,
    deadline: () => latest,
    traces: () => [...seen],
    enter(until, traces = []) {
      waiting += 1
      latest = Math.max(latest, until)
      for (const trace of traces.slice(0, MAX_TRACES - seen.size)) seen.add(trace)
      larger?.enter(until, traces)
    },
    leave() {
      waiting -= 1
      if (larger !== null) larger.leave()
      else if (waiting === 0 && !settled) controller.abort(new Error('no caller waits for the answer any more'))
    },
    settle() {
      settled = true
    },
    joinTo(whole) {
      larger = whole
      for (let n = 0; n < waiting; n++) whole.enter(latest, [...seen])
      whole.signal.addEventListener('abort', () => {
        controller.abort(whole.signal.reason)
      })
    },
  }
}

/** Waits for `answer` on behalf of one caller; rejects with the reason of the caller's signal when that aborts. */
async function waitFor<V>(answer: Promise<V>, work: Work, waiter: Waiter): Promise<V> {
  work.enter(waiter.deadline(), waiter.traces?.())
  try {
    return await raceSignal(answer, waiter.signal)
  } finally {
    work.leave()
  }
}

interface Flight<V> {
  readonly work: Work
  readonly answer: Promise<V>
}

/** A synchronous throw becomes a rejection like any other. */
async function run<V>(work: Work, start: () => Promise<V>): Promise<V> {
  try {
    return await start()
  } finally {
    work.settle()
  }
}

/**
 * Returns a function that waits for the flight of a key and starts it where there is none. `start` gets the work, whose
 * signal and deadline it hands on, and the caller that came first. `onJoined` is told of a call that was shared.
 */
export function singleflight<K, W extends Waiter, V>(
  idOf: (key: K) => string,
  start: (key: K, work: Work, first: W) => Promise<V>,
  onJoined: () => void = () => undefined,
): (key: K, waiter: W) => Promise<V> {
  const flights = new Map<string, Flight<V>>()

  function launch(id: string, key: K, first: W): Flight<V> {
    const work = createWork(first.deadline())
    const flight = { work, answer: run(work, () => start(key, work, first)) }
    const forget = (): void => {
      if (flights.get(id) === flight) flights.delete(id)
    }
    flights.set(id, flight)
    // Callers see a rejection; without a caller it is not an error of the process.
    flight.answer.then(forget, forget)
    return flight
  }

  return (key, waiter) => {
    const id = idOf(key)
    const flying = flights.get(id)
    // An aborted call is ending; its answer is no use to a newcomer.
    const isUsable = flying !== undefined && !flying.work.signal.aborted
    if (isUsable) onJoined()
    const { work, answer } = isUsable ? flying : launch(id, key, waiter)
    return waitFor(answer, work, waiter)
  }
}
