/** The sections of the full benchmark; each measures, prints nothing, and returns its part of the result. */
import { cpus, loadavg, totalmem } from 'node:os'
import { keysOperation, many, one } from './graph.ts'
import { interleave, median, ratio, summarize } from './interleave.ts'
import type { Lane, Measured, Rounds } from './interleave.ts'
import { startLoader } from './load.ts'
import { check, peers, startPeer } from './processes.ts'
import type { Peer, Server } from './processes.ts'
import type { Figures, KeysRow, Row, Section, StartRow } from './report.ts'
import { runsFrom, startTokengraph } from './tokengraph.ts'
import type { Outside, Setting } from './tokengraph.ts'

const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`
const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ')
const [loadBefore = 0] = loadavg()
const STARTS = 3
const FILL = 500

const doorOn: Setting = { store: 'cache', door: true, fsync: 'interval', caller: 'service' }

function section<R>(rounds: number, seconds: number, rows: readonly R[]): Section<R> {
  return { date: new Date().toISOString(), machine, loadBefore, command, rounds, seconds, rows }
}

interface Subject {
  readonly name: string
  readonly isTokengraph: boolean
  /** A user may read nothing of 100 others. */
  readonly isAllowedMany: boolean
  start(outside: Outside): Promise<Server>
}

const peerNames: Readonly<Record<Peer, string>> = {
  raw: 'raw: node:http and JSON.stringify',
  'mercurius-jit': 'Mercurius+JIT',
  mercurius: 'Mercurius',
  'yoga-jit': 'GraphQL Yoga+JIT',
  yoga: 'GraphQL Yoga',
  apollo: 'Apollo Server',
}

const peer = (name: Peer): Subject => ({
  name: peerNames[name],
  isTokengraph: false,
  isAllowedMany: true,
  start: () => startPeer(name, one),
})

const tokengraph = (name: string, setting: Partial<Setting>): Subject => ({
  name,
  isTokengraph: true,
  isAllowedMany: setting.caller !== 'user',
  start: (outside) => startTokengraph({ ...doorOn, ...setting }, outside),
})

/** Runs all subjects side by side; `base` and `raw` are names of those that the others are compared with. */
async function measure(
  subjects: readonly Subject[],
  compare: { readonly base: string; readonly raw: string | null },
  rounds: Rounds,
  outside: Outside,
): Promise<Section<Row>> {
  await using loader = startLoader()
  await using started = new AsyncDisposableStack()
  const running: { subject: Subject; server: Server; idle: number }[] = []
  for (const subject of subjects) {
    const server = started.use(await subject.start(outside))
    running.push({ subject, server, idle: server.memory() })
  }
  const lanes = (operation: typeof one, chosen: typeof running): Lane[] =>
    chosen.map(({ subject: { name }, server }) => ({ name, server, operation }))
  const ofOne = await interleave(loader, lanes(one, running), rounds)
  const withMany = running.filter(({ subject }) => subject.isAllowedMany)
  const ofMany = await interleave(loader, lanes(many, withMany), rounds)
  const figures = (measured: Measured, name: string): Figures | null =>
    measured.has(name)
      ? {
          ...summarize(measured, name),
          ratio: ratio(measured, name, compare.base),
          rawRatio: compare.raw === null ? null : ratio(measured, name, compare.raw),
        }
      : null
  return section(
    rounds.count,
    rounds.seconds,
    running.map(({ subject: { name, isTokengraph }, server, idle }) => ({
      name,
      isTokengraph,
      one: figures(ofOne, name),
      many: figures(ofMany, name),
      idle,
      loaded: server.memory(),
    })),
  )
}

/** tokengraph beside the peers. */
function measureServers(rounds: Rounds, outside: Outside): Promise<Section<Row>> {
  const ours = [
    tokengraph('tokengraph, cache, door on', {}),
    tokengraph('tokengraph, SQLite vault, door on', { store: 'sqlite' }),
  ]
  const compare = { base: peerNames['mercurius-jit'], raw: peerNames.raw }
  return measure([...peers.map(peer), ...ours], compare, rounds, outside)
}

/** What each guard, store and kind of caller costs. */
function measureGuards(rounds: Rounds, outside: Outside): Promise<Section<Row>> {
  const base = 'cache, door on, fsync: interval, service key'
  const subjects = [
    tokengraph(base, {}),
    tokengraph('door off', { door: false }),
    tokengraph('fsync: false', { fsync: false }),
    tokengraph('fsync: true', { fsync: true }),
    tokengraph("a user's JWT", { caller: 'user' }),
    tokengraph('SQLite vault', { store: 'sqlite' }),
    ...(outside.databaseUrl === null ? [] : [tokengraph('PostgreSQL vault', { store: 'postgresql' })]),
  ]
  const plain = subjects.map((subject) => ({ ...subject, isTokengraph: false }))
  return measure(plain, { base, raw: null }, rounds, outside)
}

async function measureKeys(rounds: Rounds, outside: Outside): Promise<Section<KeysRow>> {
  await using loader = startLoader()
  await using server = await startTokengraph({ ...doorOn, isUnlimited: true }, outside)
  const counts = [1, 10, 100, 1000, 10_000]
  // The cache is filled in steps: what is measured is not how many calls to a platform fit into one deadline.
  for (let count = FILL; count < Math.max(...counts); count += FILL) await check(server.target, keysOperation(count))
  const lanes = counts.map((count) => ({ name: String(count), server, operation: keysOperation(count) }))
  const measured = await interleave(loader, lanes, rounds)
  const rows = counts.map((keys) => ({ keys, ...summarize(measured, String(keys)) }))
  return section(rounds.count, rounds.seconds, rows)
}

async function measureStart(_rounds: Rounds, outside: Outside): Promise<Section<StartRow>> {
  const rows: StartRow[] = []
  for (const [name, run] of Object.entries(runsFrom)) {
    const took: number[] = []
    for (let count = 0; count < STARTS; count++) {
      await using server = await startTokengraph({ ...doorOn, store: 'sqlite' }, outside, run)
      took.push(server.startMs)
    }
    rows.push({ command: name, ms: median(took) })
  }
  return section(STARTS, 0, rows)
}

export const sections = { servers: measureServers, guards: measureGuards, keys: measureKeys, start: measureStart }
