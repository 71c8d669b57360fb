/**
 * The runs of a server in its collected standard output. Each is a chain of its own; the first record names the run, and
 * the run before it where that was noted (`audit.head_path`), and the last one says that the run ended in order. Chains
 * may be interleaved, as they are where several replicas write to one collector.
 */
import { genesis } from './record.ts'
import type { ChainRecord, RunHead } from './record.ts'

export interface RunSummary {
  readonly runs: number
  /** Runs without a last record: they are still going on, they crashed, or their end was cut off. */
  readonly unended: number
  /** What is missing or there twice, in words. */
  readonly gaps: readonly string[]
}

export interface Runs {
  /** Takes the next record; returns what is wrong with its place, or the run that it belongs to. */
  add(record: ChainRecord): Sealing | string
  /** The run whose last record is the head `prev`; null: there is none. */
  sealingOf(prev: string): Sealing | null
  /** The runs so far. */
  sealings(): readonly Sealing[]
  summary(): RunSummary
}

/** A chain, as far as it is sealed. */
export interface Sealing {
  /** The first record since the last seal; null: everything is sealed. */
  unsealed: RecordPlace | null
}

/** Where a record is. */
export interface RecordPlace {
  readonly file: string
  /** Counts from 1. */
  readonly line: number
  /** How many records come before it. */
  readonly before: number
}

interface Run extends Sealing {
  /** null: written before runs had names. */
  readonly id: string | null
  readonly previous: RunHead | null
  /** The hash of each record that a later run may name: the first and the last one. */
  readonly heads: Map<number, string>
  isEnded: boolean
}

/** `partial`: the oldest records were removed on purpose. */
export function createRuns(partial: boolean): Runs {
  const runs: Run[] = []
  /** By the hash of the last record. */
  const open = new Map<string, Run>()
  const byId = new Map<string, Run>()
  const gaps: string[] = []

  function begin({ seq, hash, bound }: ChainRecord): Run {
    const start = bound?.event === 'start' ? bound : null
    const run: Run = {
      id: start?.run ?? null,
      previous: start?.previous ?? null,
      heads: new Map([[seq, hash]]),
      isEnded: false,
      unsealed: null,
    }
    if (run.id !== null && byId.has(run.id)) gaps.push(`run ${run.id} is there twice`)
    if (run.id !== null) byId.set(run.id, run)
    runs.push(run)
    open.set(hash, run)
    return run
  }

  return {
    add(record) {
      const { seq, prev, hash, bound } = record
      if ((seq === 1 && prev === genesis.hash) || (partial && runs.length === 0)) return begin(record)
      const run = open.get(prev)
      if (run === undefined) return `this is record ${seq}, and the record before it is missing`
      open.delete(prev)
      if (bound?.event === 'end') {
        run.heads.set(seq, hash)
        run.isEnded = true
      } else open.set(hash, run)
      return run
    },
    sealingOf: (prev) => open.get(prev) ?? null,
    sealings: () => runs,
    summary() {
      const missing = runs.flatMap(({ id, previous }, position) => {
        if (previous === null) return []
        const before = byId.get(previous.run)
        const name = id ?? 'without a name'
        if (before === undefined)
          return [`run ${previous.run}, which run ${name} names as the one before it, is missing`]
        if (runs.indexOf(before) > position) return [`run ${previous.run} stands after run ${name}, which followed it`]
        const isKnown = before.heads.get(previous.seq) === previous.hash
        return isKnown
          ? []
          : [`run ${previous.run} has another end than record ${previous.seq}, which run ${name} names`]
      })
      return { runs: runs.length, unended: runs.filter((run) => !run.isEnded).length, gaps: [...gaps, ...missing] }
    },
  }
}
