/** Rounds over several servers: A B C, A B C, so that what disturbs the machine meets all of them alike. */
import type { Operation } from './graph.ts'
import type { Loaded, Loader } from './load.ts'
import { check } from './processes.ts'
import type { Server } from './processes.ts'

export interface Lane {
  readonly name: string
  readonly server: Server
  readonly operation: Operation
}

export interface Rounds {
  readonly count: number
  /** Seconds of each load, and of the one before the first round. */
  readonly seconds: number
  readonly warmSeconds: number
}

export type Measured = ReadonlyMap<string, readonly Loaded[]>

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** The rounds of each lane, by its name. Throws where a server does not answer as all others do. */
export async function interleave(loader: Loader, lanes: readonly Lane[], rounds: Rounds): Promise<Measured> {
  const measured = new Map<string, Loaded[]>(lanes.map(({ name }) => [name, []]))
  for (const { server, operation } of lanes) {
    await check(server.target, operation)
    await loader.load(server.target, operation, rounds.warmSeconds)
  }
  for (let round = 0; round < rounds.count; round++)
    for (const { name, server, operation } of lanes)
      measured.get(name)?.push(await loader.load(server.target, operation, rounds.seconds))
  return measured
}

/** Median over the rounds of how many times as many requests per second the first lane answered as the second. */
export function ratio(measured: Measured, name: string, base: string): number {
  const bases = measured.get(base) ?? []
  return median((measured.get(name) ?? []).map(({ rate }, round) => rate / (bases[round]?.rate ?? Number.NaN)))
}

/** Medians over the rounds. */
export function summarize(measured: Measured, name: string): Loaded {
  const loads = measured.get(name) ?? []
  const middle = (read: (loaded: Loaded) => number) => median(loads.map(read))
  return { rate: middle(({ rate }) => rate), p50: middle(({ p50 }) => p50), p99: middle(({ p99 }) => p99) }
}
