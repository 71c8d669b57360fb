/**
 * `npm run soak -- MINUTES SEED CALLERS PAUSE_MS`: the server as in production over a platform that goes wrong at random, and what grows
 * meanwhile. The same seed gives the same faults in the same order. Exit code 1: a request without an answer, a fatal
 * line, files that stay open, or memory that goes on growing after the warm-up.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startClerk } from '../test/servers/clerk.ts'
import * as faults from '../test/servers/misbehaviour.ts'
import type { Misbehaviour } from '../test/servers/misbehaviour.ts'
import { startLoad } from '../test/staying-up/load.ts'
import { askForTokens, configure, measureProcess, startReal } from '../test/kit/real-server.ts'

const MINUTES = Number(process.argv[2] ?? 2)
const SEED = Number(process.argv[3] ?? 1)
/** Few callers that pause leave the machine to others for an hour. */
const CALLERS = Number(process.argv[4] ?? 20)
const PAUSE_MS = Number(process.argv[5] ?? 25)
const USERS = 500
const SAMPLE_MS = 2000
/** The share of the time that compiles and fills caches. */
const WARM_UP = 0.4
/** The heap may not grow for the sake of speed: what then grows is held. */
const HEAP = '--max-old-space-size=128 --max-semi-space-size=4'
const DEADLINE_MS = 1000

/** Marsaglia's xorshift: small, and the same everywhere. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const wrong: readonly Misbehaviour[] = [
  faults.silence,
  faults.drip,
  faults.reset,
  faults.cut,
  faults.garbage,
  faults.endlessHeaders,
  faults.hugeBody,
  faults.gzipBomb,
  faults.html(),
  faults.answers(429, '', { 'retry-after': '1' }),
  faults.answers(500, ''),
  faults.answers(503, ''),
  faults.answers(401, ''),
]

/** Least squares, in units of the second coordinate per unit of the first. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map(([at]) => at))
  const y = mean(points.map(([, value]) => value))
  const above = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0)
  return above / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
}

const random = createRandom(SEED)
const folder = mkdtempSync(join(tmpdir(), 'tokengraph-soak-'))
const write = (name: string, content: string) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}
const here = { path: folder, write, [Symbol.dispose]: () => undefined }

const clerk = await startClerk()
for (let n = 0; n < USERS; n++) clerk.addTokens(`user_${String(n)}`, 'oauth_google')
// A fifth of the answers is wrong, each in a way of its own; the breaker opens now and then.
clerk.misbehave((response) => {
  if (random() >= 0.2) return 'proceed'
  return (wrong[Math.floor(random() * wrong.length)] ?? faults.silence)(response)
})
const configured = configure(
  here,
  clerk,
  { cache: { seconds: 1 }, metrics: { port: 9465 } },
  { timeout_ms: DEADLINE_MS, rate: { requests: 1_000_000, per_seconds: 1 } },
)
const server = await startReal(here, configured, { NODE_OPTIONS: HEAP })
/** The local platform remembers everything that it was asked, for tests that are shorter. */
const forget = () => {
  for (const remembered of [clerk.calls, clerk.sent] as unknown[][]) remembered.splice(0)
}
const codes = new Map<string, number>()
const load = startLoad(CALLERS, async (n) => {
  await sleep(PAUSE_MS)
  const init = askForTokens(configured, `user_${String((n * 7) % USERS)}`)
  // Every tenth caller loses patience, and goes away.
  const impatient = n % 10 === 0
  const signal = impatient ? { signal: AbortSignal.timeout(20) } : {}
  const response = await fetch(`${server.url}/graphql`, { ...init, ...signal }).catch(() => null)
  if (response === null) return impatient ? null : 'no answer'
  const text = await response.text().catch(() => '')
  const code = /"code":"([A-Z_]+)"/.exec(text)?.[1] ?? 'data'
  codes.set(code, (codes.get(code) ?? 0) + 1)
  forget()
  return code === 'INTERNAL_SERVER_ERROR' ? code : null
})

const began = performance.now()
const samples: { minutes: number; megabytes: number; files: number }[] = []
while (performance.now() - began < MINUTES * 60_000) {
  await sleep(SAMPLE_MS)
  samples.push({ minutes: (performance.now() - began) / 60_000, ...measureProcess(server.process) })
}
const { sent, failures } = await load.stop()
// What was under way ends by its deadline.
await sleep(2 * DEADLINE_MS)
const idle = measureProcess(server.process)
server.process.child.kill('SIGTERM')
const { code, stdout } = await server.process.ended
await clerk.close()
rmSync(folder, { recursive: true })

const settled = samples.filter(({ minutes }) => minutes > MINUTES * WARM_UP)
const perHour = slope(settled.map(({ minutes, megabytes }) => [minutes / 60, megabytes]))
const first = settled[0]?.megabytes ?? Number.NaN
const last = settled.at(-1)?.megabytes ?? Number.NaN
const most = Math.max(...settled.map(({ files }) => files))
const fatal = stdout.split('\n').filter((line) => line.includes('"level":"fatal"')).length
console.log(`seed ${String(SEED)}, ${String(MINUTES)} min, ${String(sent)} requests`)
console.log(Object.fromEntries([...codes].sort(([, a], [, b]) => b - a)))
console.log(
  `failures ${String(failures.length)} ${JSON.stringify([...new Set(failures)])}, fatal lines ${String(fatal)}, exit code ${String(code)}`,
)
console.log(`memory after the warm-up ${first.toFixed(1)} to ${last.toFixed(1)} MB: slope ${perHour.toFixed(1)} MB/h`)
console.log(`open files under load at most ${String(most)}, afterwards ${String(idle.files)}`)
// Over a few minutes the slope is noise of the collector; growth is judged by what it adds up to.
const grew = last - first > 30
process.exitCode = failures.length > 0 || fatal > 0 || code !== 0 || grew || idle.files > CALLERS + 150 ? 1 : 0
