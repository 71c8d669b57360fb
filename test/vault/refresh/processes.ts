/** Reader processes of a vault, for tests of what several of them do to one account. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { builtProcess } from '../../kit/built.ts'

/** Where a process dies. `posting`: while the provider works; `answered`: after its answer, before anything is written. */
export const failpoints = ['claimed', 'begun', 'posting', 'answered', 'committing', 'committed'] as const
export type Failpoint = (typeof failpoints)[number]

export interface Order {
  readonly provider: string
  readonly userId: string
  readonly readers: number
}

export interface Report {
  /** What the process takes for now: milliseconds since 1970. */
  readonly now: number
  /** The distinct tokens that were handed out. */
  readonly tokens: readonly string[]
  readonly problems: readonly string[]
}

export interface ReaderProcess {
  readonly child: ChildProcess
  /** Rejects where the process dies. */
  read(order: Order): Promise<Report>
  end(): Promise<void>
}

export interface ReaderTrouble {
  readonly failpoint?: Failpoint
  /** Milliseconds by which the clock of the process is wrong. */
  readonly clockShiftMs?: number
}

export async function startReader(
  options: object,
  { failpoint, clockShiftMs = 0 }: ReaderTrouble = {},
): Promise<ReaderProcess> {
  const lie = `const right = Date.now; Date.now = () => right() + ${String(clockShiftMs)}`
  const child = fork(
    builtProcess(join(import.meta.dirname, 'reader-process.ts')),
    [JSON.stringify(options), ...(failpoint === undefined ? [] : [failpoint])],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: clockShiftMs === 0 ? [] : ['--import', `data:text/javascript,${encodeURIComponent(lie)}`],
    },
  )
  const died = once(child, 'exit')
  const message = async (): Promise<unknown> => {
    const first = await Promise.race([once(child, 'message'), died.then(() => null)])
    if (first === null) throw new Error('the process has died')
    return first[0] as unknown
  }
  await message()
  return {
    child,
    async read(order) {
      const answered = message()
      child.send(order)
      return (await answered) as Report
    },
    async end() {
      if (child.exitCode === null && child.signalCode === null) child.send('end')
      await died
    },
  }
}
