/** Rounds over several servers: A B C, A B C, so that what disturbs the machine meets all of them alike. */
import type { Operation } from './graph.ts'
import type { Loader } from './load.ts'
import { check } from './processes.ts'
import type { Server } from './processes.ts'

export interface Lane {
  readonly name: string
  readonly server: Server
  readonly operation: Operation
}

export interface Rounds {
  readonly count: number
  /** Seconds of each load. */
  readonly seconds: number
  /** Seconds of processor time for which each server is loaded before the first round. */
  readonly warmSeconds: number
}

const WARM_STEP_SECONDS = 0.5
/** Seconds that warming may take, times those of processor time: a busy machine gives a server half a core or less. */
const WARM_PATIENCE = 2

export interface Round {
  /** Requests per second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Microseconds of processor time of the server for each request: what a busy neighbour disturbs least. */
  readonly cpuUs: number
}

export type Measured = ReadonlyMap<string, readonly Round[]>

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** The rounds of each lane, by its name. Throws where a server does not answer as all others do. */
export async function interleave(loader: Loader, lanes: readonly Lane[], rounds: Rounds): Promise<Measured> {
  const measured = new Map<string, Round[]>(lanes.map(({ name }) => [name, []]))
  for (const { server, operation } of lanes) {
    await check(server.target, operation)
    const [cpuBefore, began] = [server.cpuMs(), performance.now()]
    while (
      server.cpuMs() - cpuBefore < rounds.warmSeconds * 1000 &&
      performance.now() - began < rounds.warmSeconds * 1000 * WARM_PATIENCE
    )
      await loader.load(server.target, operation, WARM_STEP_SECONDS)
  }
  for (let round = 0; round < rounds.count; round++)
    for (const { name, server, operation } of lanes) {
      const before = server.cpuMs()
      const { requests, ...loaded } = await loader.load(server.target, operation, rounds.seconds)
      measured.get(name)?.push({ ...loaded, cpuUs: ((server.cpuMs() - before) * 1000) / requests })
    }
  return measured
}

/** Median over the rounds of a figure of one lane divided by that of another. */
function divide(measured: Measured, name: string, base: string, read: (round: Round) => number): number {
  const bases = measured.get(base) ?? []
  return median(
    (measured.get(name) ?? []).flatMap((each, round) => {
      const other = bases[round]
      return other === undefined ? [] : [read(each) / read(other)]
    }),
  )
}

/** How many times as many requests per second the first lane answered as the second. */
export function ratio(measured: Measured, name: string, base: string): number {
  return divide(measured, name, base, ({ rate }) => rate)
}

/** The same for each second of processor time of the server. */
export function cpuRatio(measured: Measured, name: string, base: string): number {
  return divide(measured, name, base, ({ cpuUs }) => 1 / cpuUs)
}

/** Medians over the rounds. */
export function summarize(measured: Measured, name: string): Round {
  const rounds = measured.get(name) ?? []
  const middle = (read: (round: Round) => number): number => median(rounds.map(read))
  return {
    rate: middle(({ rate }) => rate),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    cpuUs: middle(({ cpuUs }) => cpuUs),
  }
}
