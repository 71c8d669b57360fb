/**
 * Calls in flight, shared by everyone who wants the same answer.
 *
 * A key that is being asked for is not asked for again, whichever request wants it. The call is aborted when the
 * last request that waits for it has gone away, and not before (hive gateway #1928: aborting one of a merged batch
 * aborted all). Nothing is remembered once a call has settled.
 */
import type { All, Call, Fetcher, Many, One } from '../upstreams/platform.ts'

/** One promise for each key, in order; each settles by itself. `caller` is the request that wants the answers. */
export type Ask<K, V> = (keys: readonly K[], caller: Call) => Promise<V | null>[]

/** One upstream call, for one key or for a whole batch; the platform sees the part that is a `Call`. */
interface Work extends Call {
  /** How many answers requests still wait for. */
  waiting: number
  /** When the most patient of those who ever waited gives up; milliseconds, as in `Call`. */
  deadline: number
  /** The platform has answered. */
  done: boolean
  readonly controller: AbortController
}

interface Flight<V> {
  readonly work: Work
  readonly answer: Promise<V | null>
}

/** Told how many keys joined a call that was under way. */
export type OnJoined = (keys: number) => void

/** Turns a platform's descriptor into a function that batches and shares as the descriptor says. */
export function shareCalls<K, V>(
  fetcher: Fetcher<K, V>,
  idOf: (key: K) => string,
  onJoined: OnJoined = () => undefined,
): Ask<K, V> {
  switch (fetcher.kind) {
    case 'one':
      return shareFlights(idOf, onJoined, (keys, caller) => keys.map((key) => launchOne(fetcher, key, caller)))
    case 'many':
      return shareFlights(idOf, onJoined, (keys, caller) =>
        chunk(keys, fetcher.max).flatMap((part) => launchMany(fetcher, part, caller)),
      )
    case 'all':
      return shareParents(fetcher, onJoined)
  }
}

function shareFlights<K, V>(
  idOf: (key: K) => string,
  onJoined: OnJoined,
  launch: (keys: readonly K[], caller: Call) => readonly Flight<V>[],
): Ask<K, V> {
  const flights = new Map<string, Flight<V>>()

  function start(keys: ReadonlyMap<string, K>, caller: Call): void {
    const launched = launch([...keys.values()], caller)
    for (const [position, id] of [...keys.keys()].entries()) {
      const flight = launched[position]
      if (flight === undefined) throw new Error('launch must return one flight for each key')
      flights.set(id, flight)
      const forget = () => {
        if (flights.get(id) === flight) flights.delete(id)
      }
      // Whoever waits sees a rejection; when nobody does, it is not an error of the process.
      flight.answer.then(forget, forget)
    }
  }

  /** The flight to join; one that was abandoned is dying and no use to a newcomer. */
  function flying(id: string): Flight<V> | undefined {
    const flight = flights.get(id)
    return flight?.work.signal.aborted === true ? undefined : flight
  }

  return (keys, caller) => {
    const missing = new Map<string, K>()
    for (const key of keys) {
      const id = idOf(key)
      if (flying(id) === undefined) missing.set(id, key)
    }
    if (missing.size > 0) start(missing, caller)
    if (keys.length > missing.size) onJoined(keys.length - missing.size)
    return keys.map((key) => join(flights.get(idOf(key)), caller))
  }
}

/** Waits for the answer on behalf of one request, and counts as a waiter for exactly that long. */
async function join<V>(flight: Flight<V> | undefined, { signal, deadline }: Call): Promise<V | null> {
  if (flight === undefined) throw new Error('a key that was asked for is not in flight')
  const { work, answer } = flight
  work.waiting += 1
  work.deadline = Math.max(work.deadline, deadline ?? Infinity)
  const gone = Promise.withResolvers<never>()
  const leave = () => {
    gone.reject(signal.reason as Error)
  }
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([answer, gone.promise])
  } finally {
    signal.removeEventListener('abort', leave)
    work.waiting -= 1
    if (work.waiting === 0 && !work.done) work.controller.abort(new Error('nobody wants the answer any more'))
  }
}

function launchOne<K, V>(fetcher: One<K, V>, key: K, caller: Call): Flight<V> {
  const { work, result } = run(caller, (call) => fetcher.one(key, call))
  return { work, answer: result }
}

function launchMany<K, V>(fetcher: Many<K, V>, keys: readonly K[], caller: Call): Flight<V>[] {
  const { work, result } = run(caller, (call) => fetcher.many(keys, call))
  return keys.map((key) => {
    const answer = result.then((rows) => {
      const value = rows.get(fetcher.id(key)) ?? null
      if (value instanceof Error) throw value
      return value
    })
    return { work, answer }
  })
}

/** The rows of a parent are one flight, whichever of its keys are asked for. */
function shareParents<K, V, Row>(fetcher: All<K, V, Row>, onJoined: OnJoined): Ask<K, V> {
  const askRows = shareCalls<string, readonly Row[]>(
    { kind: 'one', one: (parent, call) => fetcher.all(parent, call) },
    (parent) => parent,
    onJoined,
  )
  return (keys, caller) => {
    const rowsOf = askRows(keys.map(fetcher.parent), caller)
    return keys.map(async (key, position) => fetcher.pick(key, (await rowsOf[position]) ?? []))
  }
}

/**
 * Starts the call with a signal and a deadline of its own, in the turn of the caller who came first; a synchronous
 * throw becomes a rejection like any other.
 */
function run<T>(caller: Call, start: (call: Call) => Promise<T>): { work: Work; result: Promise<T> } {
  const controller = new AbortController()
  const work: Work = {
    signal: controller.signal,
    deadline: caller.deadline ?? Infinity,
    viewer: caller.viewer,
    waiting: 0,
    done: false,
    controller,
  }
  const launch = async (): Promise<T> => {
    try {
      return await start(work)
    } finally {
      work.done = true
    }
  }
  return { work, result: launch() }
}

function chunk<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = []
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size))
  return parts
}
