/**
 * Statements on a SQLite file in a thread of their own. SQLite waits inside of its calls, and not only for as long as its
 * busy timeout: a reader in WAL mode that finds the locks of the -shm file taken sleeps up to ten seconds in
 * `walTryBeginRead`, whatever the timeout is. A wait of the event loop would stop every other request.
 *
 * This file is both sides: the thread loads it again, which works from `src` and from `dist` alike. It imports nothing
 * but Node's modules, so that the thread starts fast. A thread whose file was closed is kept for the next one.
 */
import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

export type SqlValue = string | number | null | Uint8Array
export type SqlRow = Readonly<Record<string, SqlValue | bigint>>

export interface SqliteThread {
  /**
   * The rows of one statement, whose `$1`, `$2` … or `?` are the values in their order. Rejects with `SqliteError`: also
   * with that of a busy file (SQLITE_BUSY, 5) where no answer came within `timeoutMs`. A statement that writes may still
   * take effect after that.
   */
  all(sql: string, values: readonly SqlValue[], timeoutMs: number): Promise<readonly SqlRow[]>
  /** As `all`, but `timeoutMs` is for locks alone: what became of the statement is known, however long the disk takes. */
  settled(sql: string, values: readonly SqlValue[], timeoutMs: number): Promise<readonly SqlRow[]>
  /** Statements under way are rejected. */
  close(): Promise<void>
}

/** https://www.sqlite.org/rescode.html */
export interface SqliteError extends Error {
  /** The extended result code; its low byte is the primary code. */
  readonly errcode: number
}

const SQLITE_BUSY = 5
const SQLITE_INTERRUPT = 9
/** What SQLite says where its own retries were in vain: another process held the locks of the -shm file. */
const SQLITE_PROTOCOL = 15
/** Megabytes for short-lived values: rows pass through, and V8 would take 48 for them in each thread. */
const YOUNG_MB = 6
/** Milliseconds between two attempts at a busy file. */
const RETRY_MS = 10
/** Threads without a file that are kept: what a vault has open at most. */
const MAX_IDLE = 2
/** Milliseconds in which a thread closes its file, or is ended: it may stand within a statement that was given up. */
const CLOSE_MS = 1000

/** The thread opens the file with the first task after this. */
interface Assignment {
  readonly path: string
  readonly options: ThreadOptions
}

interface Task {
  readonly id: number
  readonly sql: string
  readonly values: readonly SqlValue[]
  /** Milliseconds on the clock of `process.hrtime`, which all threads share. */
  readonly until: number
}

/** What a thread is told. */
type Order = Assignment | Task | typeof CLOSE

const CLOSE = 'close'
const CLOSED = 'closed'

type Reply =
  | { readonly id: number; readonly rows: readonly SqlRow[] }
  | { readonly id: number; readonly errcode: number; readonly message: string }

interface Waiting {
  resolve(rows: readonly SqlRow[]): void
  reject(error: Error): void
  /** Of a call that does not wait for its outcome. */
  readonly timer: NodeJS.Timeout | undefined
}

/** Marks the thread as this module's own. */
const ROLE = 'tokengraph-sqlite'

/** How the thread opens the file. */
export interface ThreadOptions {
  readonly readOnly: boolean
  /** Statements that run before the first one, such as pragmas. */
  readonly setup: readonly string[]
}

/**
 * Starts the thread; it opens the file with the first statement. `path` is absolute. Throws `Error` for the operator
 * where Node may start no thread.
 */
export function openSqliteThread(path: string, options: ThreadOptions = { readOnly: true, setup: [] }): SqliteThread {
  const waiting = new Map<number, Waiting>()
  let last = 0

  function settle(id: number): Waiting | undefined {
    const found = waiting.get(id)
    if (found === undefined) return undefined
    clearTimeout(found.timer)
    waiting.delete(id)
    if (waiting.size === 0) worker?.unref()
    return found
  }

  function rejectAll(reason: string): void {
    for (const id of [...waiting.keys()]) settle(id)?.reject(sqliteError(SQLITE_INTERRUPT, reason))
  }

  function start(): Worker {
    const started = idle.pop() ?? startWorker()
    forget(started)
    started.postMessage({ path, options } satisfies Order)
    started.on('message', (reply: Reply) => {
      const found = settle(reply.id)
      if ('rows' in reply) found?.resolve(reply.rows)
      else found?.reject(sqliteError(reply.errcode, reply.message))
    })
    started.on('error', (error: unknown) => {
      rejectAll(error instanceof Error ? error.message : 'the thread has failed')
    })
    started.on('exit', () => {
      if (worker === started) worker = null
      rejectAll('the thread has ended')
    })
    // Last: to listen to a thread keeps the process alive.
    started.unref()
    return started
  }

  let worker: Worker | null = start()
  let isClosed = false

  async function ask(sql: string, values: readonly SqlValue[], timeoutMs: number, isTimed: boolean) {
    if (isClosed) throw sqliteError(SQLITE_INTERRUPT, 'the database is closed')
    const { promise, resolve, reject } = Promise.withResolvers<readonly SqlRow[]>()
    const id = ++last
    const onTimeout = (): void => {
      settle(id)?.reject(sqliteError(SQLITE_BUSY, 'the database is locked'))
    }
    waiting.set(id, { resolve, reject, timer: isTimed ? setTimeout(onTimeout, timeoutMs) : undefined })
    worker ??= start()
    worker.ref()
    try {
      worker.postMessage({ id, sql, values, until: sharedMs() + timeoutMs } satisfies Order)
    } catch (error) {
      // A value that no thread can be given.
      settle(id)
      throw error
    }
    return promise
  }

  return {
    all: (sql, values, timeoutMs) => ask(sql, values, timeoutMs, true),
    settled: (sql, values, timeoutMs) => ask(sql, values, timeoutMs, false),
    async close() {
      isClosed = true
      const closing = worker
      worker = null
      const isBusy = waiting.size > 0
      rejectAll('the database is closed')
      if (closing !== null && (isBusy || !(await release(closing)))) await closing.terminate()
    },
  }
}

/** Threads that have closed their file: to start one takes longer than most of what it is started for. */
const idle: Worker[] = []

/** Takes the listeners of the last file away; Node has others on the thread. */
function forget(worker: Worker): void {
  for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event)
}

/** Has the thread close its file, and keeps it. False: it is not to be kept, or does not answer. */
async function release(worker: Worker): Promise<boolean> {
  if (idle.length >= MAX_IDLE) return false
  forget(worker)
  worker.on('error', () => undefined)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  worker.on('message', (reply: unknown) => {
    if (reply === CLOSED) resolve(true)
  })
  worker.on('exit', () => {
    const index = idle.indexOf(worker)
    if (index >= 0) idle.splice(index, 1)
    resolve(false)
  })
  const timer = setTimeout(resolve, CLOSE_MS, false)
  worker.ref()
  worker.postMessage(CLOSE satisfies Order)
  const isClosed = await promise
  clearTimeout(timer)
  worker.unref()
  // -1: it has ended meanwhile.
  if (!isClosed || worker.threadId === -1 || idle.length >= MAX_IDLE) return false
  idle.push(worker)
  return true
}

function sqliteError(errcode: number, message: string): SqliteError {
  return Object.assign(new Error(message), { errcode })
}

function sharedMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}

function startWorker(): Worker {
  const cache = getCompileCacheDir()
  try {
    return new Worker(new URL(import.meta.url), {
      workerData: { role: ROLE },
      // Without the environment, which holds secrets.
      env: cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) },
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
  } catch (cause) {
    throw new Error('The thread of the database cannot start: under --permission, Node needs --allow-worker.', {
      cause,
    })
  }
}

/** The thread's side. */
function serve(port: NonNullable<typeof parentPort>): void {
  let assigned: Assignment | null = null
  let database: DatabaseSync | null = null
  const statements = new Map<string, StatementSync>()
  const clock = new Int32Array(new SharedArrayBuffer(4))

  function open(): DatabaseSync {
    if (assigned === null) throw new Error('no file was assigned')
    const {
      path,
      options: { readOnly, setup },
    } = assigned
    const opened = new DatabaseSync(path, { readOnly, timeout: 0 })
    try {
      for (const sql of setup) opened.prepare(sql).all()
      return opened
    } catch (error) {
      opened.close()
      throw error
    }
  }

  function attempt({ sql, values }: Task): readonly SqlRow[] {
    database ??= open()
    const statement = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, statement)
    if (!sql.includes('$1')) return statement.all(...values)
    return statement.all(Object.fromEntries(values.map((value, index) => [`$${String(index + 1)}`, value])))
  }

  function answer(task: Task): Reply {
    for (;;) {
      try {
        return { id: task.id, rows: attempt(task) }
      } catch (error) {
        const { errcode = 0, message } = error as Partial<SqliteError>
        const primary = errcode & 0xff
        const isBusy = primary === SQLITE_BUSY || primary === SQLITE_PROTOCOL
        if (!isBusy || sharedMs() + RETRY_MS >= task.until) return { id: task.id, errcode, message: message ?? '' }
        Atomics.wait(clock, 0, 0, RETRY_MS)
      }
    }
  }

  function close(): void {
    statements.clear()
    database?.close()
    database = null
    assigned = null
  }

  port.on('message', (order: Order) => {
    if (order === CLOSE) {
      close()
      port.postMessage(CLOSED)
      return
    }
    if ('path' in order) {
      assigned = order
      return
    }
    const task = order
    // Its time went by while an earlier statement waited, or while the process stood still: it is not begun any more.
    const isLate = task.until <= sharedMs()
    port.postMessage(isLate ? { id: task.id, errcode: SQLITE_BUSY, message: 'the database is locked' } : answer(task))
  })
}

const own = workerData as { readonly role?: unknown } | null
if (!isMainThread && parentPort !== null && own?.role === ROLE) serve(parentPort)
