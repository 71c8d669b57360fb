/** `npm run bench -- --short`: the six ratios that matter, in less than a minute, for use while working. */
import { many, one } from './graph.ts'
import { cpuRatio, interleave, ratio, summarize } from './interleave.ts'
import type { Lane } from './interleave.ts'
import { startLoader } from './load.ts'
import { startPeer } from './processes.ts'
import { startOutside, startTokengraph } from './tokengraph.ts'

const rounds = { count: 3, seconds: 1.2, warmSeconds: 1.5 }

export async function runShort(): Promise<void> {
  await using outside = await startOutside(null)
  await using loader = startLoader()
  await using raw = await startPeer('raw', one)
  await using mercurius = await startPeer('mercurius-jit', one)
  const door = { door: true, fsync: 'interval', caller: 'service' } as const
  await using cache = await startTokengraph({ ...door, store: 'cache' }, outside)
  await using vault = await startTokengraph({ ...door, store: 'sqlite' }, outside)
  const servers = { raw, 'Mercurius+JIT': mercurius, 'tokengraph cache': cache, 'tokengraph SQLite vault': vault }
  const operations = { one, many }
  const lanes = Object.entries(operations).flatMap(([load, operation]): Lane[] =>
    Object.entries(servers)
      .filter(([, server]) => load === 'many' || server !== vault)
      .map(([name, server]) => ({ name: `${load}: ${name}`, server, operation })),
  )
  const measured = await interleave(loader, lanes, rounds)

  const line = (name: string, cells: readonly string[]): void => {
    console.log(name.padEnd(32) + cells.map((cell) => cell.padStart(15)).join(''))
  }
  console.log('\ntokengraph with the door on (audit to a file, fsync: interval), as a ratio of requests for each')
  line('', ['second:', '', 'CPU second:', ''])
  line('', ['Mercurius+JIT', 'raw', 'Mercurius+JIT', 'raw'])
  for (const name of ['one: tokengraph cache', 'many: tokengraph cache', 'many: tokengraph SQLite vault']) {
    const bases = ['Mercurius+JIT', 'raw'].map((base) => name.replace(/:.*/, `: ${base}`))
    line(
      name,
      [ratio, cpuRatio].flatMap((compare) => bases.map((base) => compare(measured, name, base).toFixed(2))),
    )
  }
  console.log()
  line('', ['requests/s', 'p50 ms', 'p99 ms', 'CPU µs'])
  for (const { name } of lanes) {
    const { rate, p50, p99, cpuUs } = summarize(measured, name)
    line(name, [count(rate), p50.toFixed(2), p99.toFixed(2), count(cpuUs)])
  }
}

const count = (value: number): string => Math.round(value).toLocaleString('en')
