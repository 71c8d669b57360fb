/** Both fuzzers against one server; the tests run them shortly with a fixed seed, `npm run fuzz` for long. */
import fc from 'fast-check'
import { startDoor } from '../support.ts'
import type { Door } from '../support.ts'
import { seeds } from './bombs.ts'
import { operations, variables } from './documents.ts'
import { judgeOperation, judgeRequest } from './judge.ts'
import { requests } from './requests.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly runs: number
  /** Milliseconds after which no new input is tried. */
  readonly time_ms?: number
}

/** Callers who may not read the canary: nobody, a service without grants, one that may read another user. */
export interface FuzzDoor extends Door {
  readonly callers: readonly (string | null)[]
}

/** Starts a server and lets it compile what it runs often. */
export async function startFuzzDoor(): Promise<FuzzDoor> {
  const door = await startDoor({}, [
    { id: 'without-grants', grants: [] },
    { id: 'other-user', grants: [{ providers: ['*'], fields: ['*'], users: ['user_2'], connect: true }] },
  ])
  const callers = [null, ...door.keys]
  for (let round = 0; round < 5; round++)
    for (const query of seeds) await door.send(`#${String(round)}\n${query}`, { bearer: door.keys[1] ?? '' })
  return { ...door, callers }
}

/** Rejects with the smallest input found that breaks a promise. */
export async function fuzzOperations(door: FuzzDoor, options: FuzzOptions): Promise<void> {
  await fc.assert(
    fc.asyncProperty(operations, variables, fc.constantFrom(...door.callers), (query, values, bearer) =>
      judgeOperation(door, { query, variables: values }, bearer),
    ),
    parameters(options),
  )
}

export async function fuzzRequests(door: FuzzDoor, options: FuzzOptions): Promise<void> {
  await fc.assert(
    fc.asyncProperty(requests, (bytes) => judgeRequest(door, bytes)),
    parameters(options),
  )
}

function parameters({ seed, runs, time_ms }: FuzzOptions) {
  return {
    seed,
    numRuns: runs,
    plugins: time_ms === undefined ? [] : [fc.interruptAfterTimeLimit(time_ms)],
  }
}
