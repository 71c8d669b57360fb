/**
 * `node scripts/timing.ts [SAMPLES SEED]`: whether the time of a refusal tells a stranger anything (docs/promises.md S16). A
 * caller without a right asks for a user who is connected, one who is not, and one whom nobody knows, in random order, while
 * the answers for all of them are at hand in the cache. Compares the times of each two by the Mann-Whitney U test. Exit code
 * 1: they differ, p < 0.001.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newServiceKey } from '../src/auth/service-keys.ts'
import { configure, startReal } from '../test/kit/real-server.ts'
import { startClerk } from '../test/servers/clerk.ts'

const SAMPLES = Number(process.argv[2] ?? 10_000)
const SEED = Number(process.argv[3] ?? 1)
const WARM_UP = 2000
/** For each of three comparisons. */
const LEVEL = 0.001

/** Of one length, so that no byte more is parsed. */
const subjects = { connected: 'user_connected', unconnected: 'user_without_a', unknown: 'user_nowhere_a' }
type Kind = keyof typeof subjects
const kinds = Object.keys(subjects) as Kind[]

const folder = mkdtempSync(join(tmpdir(), 'tokengraph-timing-'))
const here = {
  path: folder,
  write(name: string, content: string) {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  },
  [Symbol.dispose]: () => undefined,
}
const clerk = await startClerk()
clerk.addTokens(subjects.connected, 'oauth_google')
clerk.addUser(subjects.unconnected)
const reader = newServiceKey()
const stranger = newServiceKey()
const configured = configure(here, clerk, {
  cache: { seconds: 300 },
  limits: { caller_rate: { burst: 100_000, per_second: 100_000 } },
  auth: {
    services: [
      { id: 'reader', key_sha256: reader.key_sha256, grants: [{ providers: ['*'] }] },
      {
        id: 'stranger',
        key_sha256: stranger.key_sha256,
        grants: [{ providers: ['oauth_google'], users: ['user_of_mine_'] }],
      },
    ],
  },
})
const server = await startReal(here, configured)
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** Milliseconds from the request to the last byte of the answer. */
function ask(key: string, userId: string): Promise<{ readonly ms: number; readonly text: string }> {
  const body = JSON.stringify({
    query: 'query ($id: ID!) { user(id: $id) { oauth_access_tokens(provider: "google") { token } } }',
    variables: { id: userId },
  })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
  return new Promise((resolve, reject) => {
    const began = process.hrtime.bigint()
    const sent = request(`${server.url}/graphql`, { method: 'POST', agent, headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += String(chunk)))
      response.on('end', () => {
        resolve({ ms: Number(process.hrtime.bigint() - began) / 1e6, text })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

let state = SEED
function random(): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
  return state / 2_147_483_648
}

/** The normal approximation, with ties at their mean rank. `share`: how often a value of `a` is above one of `b`. */
function mannWhitney(a: readonly number[], b: readonly number[]): { readonly p: number; readonly share: number } {
  const all = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))]
  all.sort((x, y) => x.value - y.value)
  let ranks = 0
  for (let from = 0, to = 0; from < all.length; from = to) {
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1
    const mean = (from + to + 1) / 2
    for (let n = from; n < to; n++) if (all[n]?.isA === true) ranks += mean
  }
  const u = ranks - (a.length * (a.length + 1)) / 2
  const pairs = a.length * b.length
  const z = (u - pairs / 2) / Math.sqrt((pairs * (a.length + b.length + 1)) / 12)
  return { p: 2 * (1 - normal(Math.abs(z))), share: u / pairs }
}

/** The distribution function of the normal distribution (Abramowitz and Stegun 26.2.17; error below 7.5e-8). */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * x)
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return 1 - (Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI)) * series
}

const median = (values: readonly number[]): number => values.toSorted((x, y) => x - y)[values.length >> 1] ?? Number.NaN

const times: Record<Kind, number[]> = { connected: [], unconnected: [], unknown: [] }
const answers = new Set<string>()
for (let n = -WARM_UP; n < SAMPLES; n++) {
  // What the platform says of each is at hand, as it is on a busy server.
  if (n % 1000 === 0) for (const kind of kinds) await ask(reader.key, subjects[kind])
  for (const kind of kinds
    .map((each) => [random(), each] as const)
    .toSorted(([x], [y]) => x - y)
    .map(([, each]) => each)) {
    const { ms, text } = await ask(stranger.key, subjects[kind])
    if (n >= 0) times[kind].push(ms)
    answers.add(text.replaceAll(subjects[kind], '').replaceAll(/"request_id":"[\w-]+"/g, ''))
  }
}
agent.destroy()
server.process.child.kill('SIGTERM')
await server.process.ended
await clerk.close()
rmSync(folder, { recursive: true })

for (const kind of kinds)
  console.log(`${kind.padEnd(12)} median ${median(times[kind]).toFixed(3)} ms of ${String(SAMPLES)}`)
let differs = answers.size > 1
for (const [n, one] of kinds.entries())
  for (const other of kinds.slice(n + 1)) {
    const { p, share } = mannWhitney(times[one], times[other])
    if (p < LEVEL) differs = true
    console.log(`${one} and ${other}: p = ${p.toFixed(4)}; the one is slower in ${(share * 100).toFixed(2)} % of pairs`)
  }
console.log(`${String(answers.size)} distinct answer${answers.size === 1 ? '' : 's'}`)
process.exitCode = differs ? 1 : 0
