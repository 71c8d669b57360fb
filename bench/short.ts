/** `npm run bench -- --short`: the six ratios that matter, in less than a minute, for use while working. */
import { many, one } from './graph.ts'
import { interleave, ratio, summarize } from './interleave.ts'
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

  console.log('\ntokengraph with the door on (audit to a file, fsync: interval), how many times the requests/s of')
  console.log(`${''.padEnd(32)}${'Mercurius+JIT'.padStart(14)}${'raw'.padStart(10)}`)
  for (const name of ['one: tokengraph cache', 'many: tokengraph cache', 'many: tokengraph SQLite vault']) {
    const load = name.slice(0, name.indexOf(':'))
    const [jit, bare] = ['Mercurius+JIT', 'raw'].map((base) => ratio(measured, name, `${load}: ${base}`).toFixed(2))
    console.log(`${name.padEnd(32)}${(jit ?? '').padStart(14)}${(bare ?? '').padStart(10)}`)
  }
  console.log(`\n${''.padEnd(32)}${'requests/s'.padStart(14)}${'p50 ms'.padStart(10)}${'p99 ms'.padStart(10)}`)
  for (const { name } of lanes) {
    const { rate, p50, p99 } = summarize(measured, name)
    const figures = [
      Math.round(rate).toLocaleString('en').padStart(14),
      ...[p50, p99].map((ms) => ms.toFixed(2).padStart(10)),
    ]
    console.log(`${name.padEnd(32)}${figures.join('')}`)
  }
}
