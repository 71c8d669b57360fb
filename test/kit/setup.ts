/**
 * Runs before every test file, in its process. Most files share a process with others (`isolate: false`): a file that
 * leaves it changed fails here, and not in a neighbour that happens to run later.
 */
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'

declare module 'vitest' {
  interface TaskMeta {
    /** How often the test called `expect`. */
    assertions?: number
  }
}

const listened = ['unhandledRejection', 'uncaughtException', 'SIGINT', 'SIGTERM', 'SIGUSR2']

/** What one file could change for the next. */
function stateOfProcess(): Readonly<Record<string, unknown>> {
  return {
    directory: process.cwd(),
    user: process.geteuid?.(),
    exitCode: process.exitCode,
    environment: { ...process.env },
    fakeTimers: vi.isFakeTimers(),
    clock: [Date, Date.now, performance.now, setTimeout, setInterval, Math.random],
    fetch: globalThis.fetch,
    listeners: listened.map((name) => [name, process.listenerCount(name)]),
  }
}

let before: ReturnType<typeof stateOfProcess>
beforeAll(() => {
  before = stateOfProcess()
})

afterEach(({ task }) => {
  task.meta.assertions = expect.getState().assertionCalls
})

afterAll(() => {
  expect(stateOfProcess(), 'the file left the process changed').toEqual(before)
})
