import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { buildCommand, CLI_VARIABLE } from './test/kit/built.ts'
import { SEED_VARIABLE, seed } from './test/kit/random.ts'
import { runSummary } from './test/kit/run-summary.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Tests of whole processes, browsers, databases, compilers and SDKs: what costs a second or more to start. */
const system = ['test/{browser,clients,process,sdk,supply-chain,tools}/**/*.test.ts', 'test/**/*.system.test.ts']

/** Tests that measure time: they run last and three at a time. */
const timing = ['test/{chaos,staying-up}/**/*.test.ts']

/** Tests that need a process of their own: they change its directory, user or clock, or its global objects. */
const isolated = ['test/**/*.isolated.test.ts']

/** Tests over HTTP against the whole server, in the process of the test. */
const server = ['test/{conformance,federation,gateway-proof,graph,observability,security}/**/*.test.ts']

/** What asks for operations of every kind, good and bad. */
const planned = ['test/graph/**/*.test.ts', 'test/security/{leaks,limits-errors,limits-objects,matrix}.test.ts']

const elsewhere = [...system, ...timing, ...isolated]

export default defineConfig({
  test: {
    // Real servers, browsers and databases take their time on a shared machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // At its end each worker writes its part of the compile cache.
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    // An unhandled rejection anywhere fails the run (vitest's default, stated because a promise depends on it).
    dangerouslyIgnoreUnhandledErrors: false,
    // Node itself imports the code, as in production. Vite would take graphql's ES module where Node takes the CommonJS
    // one: two copies, whose errors do not know each other. It would also map the stack of every error that is made.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    env: {
      [SEED_VARIABLE]: String(seed),
      [CLI_VARIABLE]: await buildCommand(),
      NODE_COMPILE_CACHE: here('node_modules/.cache/vitest'),
      // Apollo Gateway reports to its maker, and looks for the cloud that it runs in, unless it is told not to.
      APOLLO_TELEMETRY_DISABLED: 'true',
    },
    setupFiles: [here('test/kit/setup.ts')],
    reporters: ['default', runSummary()],
    // Most tests wait for sockets, timers and processes: five workers keep two cores busy.
    maxWorkers: 5,
    projects: [
      // What is in no other list is here: a new test needs no entry anywhere.
      project('unit', ['test/**/*.test.ts'], { exclude: [...server, ...elsewhere], isolate: false }),
      project('server', server, { exclude: elsewhere, isolate: false }),
      // The same operations once more, each by its plan (`src/server/execution/`).
      project('planned', planned, { exclude: elsewhere, isolate: false, env: { TEST_PLANNED: 'yes' } }),
      project('isolated', isolated),
      project('system', system, { exclude: isolated, isolate: false }),
      project('timing', timing, { exclude: isolated, isolate: false, maxWorkers: 3, sequence: { groupOrder: 1 } }),
    ],
  },
})

function project(name: string, include: string[], more: object = {}) {
  return { extends: true as const, test: { name, include, ...more } }
}
