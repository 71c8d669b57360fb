/**
 * Runs before every test file, in its process. Most files share a process with others (`isolate: false`): a file that
 * leaves it changed fails here, and not in a neighbour that happens to run later.
 */
import fc from 'fast-check'
import { afterAll, afterEach, expect, vi } from 'vitest'
import { seed } from './random.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** How often the test called `expect`. */
    assertions?: number
  }
}

// Node's own. Vitest has a hundred frames kept for each error, and most tests here are about errors.
Error.stackTraceLimit = 10

// Node runs the sources with their own positions, so that nothing has to be mapped for each error that is made.
process.setSourceMapsEnabled(false)

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })

const listened = ['unhandledRejection', 'uncaughtException']

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

// Before the test file is imported: what its modules do counts, too.
const before = stateOfProcess()

afterEach(({ task }) => {
  task.meta.assertions = expect.getState().assertionCalls
})

afterAll(() => {
  expect(stateOfProcess(), 'the file left the process changed').toEqual(before)
})
