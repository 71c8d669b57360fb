/**
 * `node scripts/overload.ts [SECONDS TIMES]`: what a server does with several times its capacity (docs/promises.md R10):
 * the latency of what it accepts, beside that of a server with room, and how fast it refuses the rest. The platform takes 100
 * ms and 20 requests at once, so that 200 in a second are all it can serve. Exit code 1: the p99 of what is accepted is above
 * twice the unloaded one, or a refusal takes 20 ms at the median.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { configure, measureProcess, startReal } from '../test/kit/real-server.ts'
import { startClerk } from '../test/servers/clerk.ts'

const SECONDS = Number(process.argv[2] ?? 10)
const TIMES = Number(process.argv[3] ?? 3)
const LATENCY_MS = 100
const CONCURRENT = 20
const CAPACITY = (CONCURRENT * 1000) / LATENCY_MS
const REFUSAL_MS = 20

interface Outcome {
  readonly status: number
  readonly ms: number
}

const folder = mkdtempSync(join(tmpdir(), 'tokengraph-overload-'))
const here = {
  path: folder,
  write(name: string, content: string) {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  },
  [Symbol.dispose]: () => undefined,
}
const clerk = await startClerk()
const users = Array.from({ length: 1000 }, (_, n) => `user_${String(n)}`)
for (const user of users) clerk.addTokens(user, 'oauth_google')
clerk.misbehave(async () => {
  await sleep(LATENCY_MS)
  return 'proceed' as const
})
const configured = configure(
  here,
  clerk,
  { limits: { concurrent_requests: CONCURRENT }, cache: { seconds: 0 } },
  { rate: { requests: 1_000_000, per_seconds: 1 }, concurrency: CONCURRENT },
)
const server = await startReal(here, configured)
const agent = new Agent({ keepAlive: true, maxSockets: 200 })
const headers = { 'content-type': 'application/json', authorization: `Bearer ${configured.key}` }

function send(n: number): Promise<Outcome> {
  const query = `{ user(id: "${users[n % users.length] ?? ''}") { oauth_access_tokens(provider: "google") { token } } }`
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const sent = request(`${server.url}/graphql`, { method: 'POST', agent, headers }, (response) => {
      response.resume()
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, ms: performance.now() - began })
      })
    })
    sent.on('error', reject)
    sent.end(JSON.stringify({ query }))
  })
}

/** So many requests in a second, whether or not the earlier ones are answered. */
async function sendAtRate(rate: number, seconds: number): Promise<readonly Outcome[]> {
  const began = performance.now()
  const sent: Promise<Outcome>[] = []
  while (sent.length < rate * seconds) {
    const due = ((performance.now() - began) / 1000) * rate
    while (sent.length < Math.min(due, rate * seconds)) sent.push(send(sent.length))
    await sleep(2)
  }
  return Promise.all(sent)
}

function percentile(outcomes: readonly Outcome[], share: number): number {
  const sorted = outcomes.map(({ ms }) => ms).toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
}

const describe = (outcomes: readonly Outcome[]): string =>
  `p50 ${percentile(outcomes, 0.5).toFixed(1)}, p99 ${percentile(outcomes, 0.99).toFixed(1)} ms of ${String(outcomes.length)}`

await sendAtRate(CAPACITY / 4, 3)
const unloaded = await sendAtRate(CAPACITY / 4, SECONDS)
await sendAtRate(CAPACITY * TIMES, 3)
const before = measureProcess(server.process).megabytes
const loaded = await sendAtRate(CAPACITY * TIMES, SECONDS)
const after = measureProcess(server.process).megabytes
const accepted = loaded.filter(({ status }) => status === 200)
const refused = loaded.filter(({ status }) => status === 503)
agent.destroy()
server.process.child.kill('SIGTERM')
await server.process.ended
await clerk.close()
rmSync(folder, { recursive: true })

const ratio = percentile(accepted, 0.99) / percentile(unloaded, 0.99)
console.log(`with room:  ${describe(unloaded)}`)
console.log(`accepted:   ${describe(accepted)}; p99 is ${ratio.toFixed(2)} of that with room`)
const prompt = refused.filter(({ ms }) => ms < REFUSAL_MS).length / refused.length
console.log(`refused:    ${describe(refused)}; ${(prompt * 100).toFixed(1)} % within ${String(REFUSAL_MS)} ms`)
console.log(
  `served:     ${(accepted.length / SECONDS).toFixed(0)} in a second, of ${String(CAPACITY)} that are possible`,
)
console.log(`memory:     ${before.toFixed(0)} to ${after.toFixed(0)} MB`)
const others = loaded.length - accepted.length - refused.length
if (others > 0) console.log(`other:      ${String(others)}`)
process.exitCode = ratio > 2 || percentile(refused, 0.5) > REFUSAL_MS || others > 0 ? 1 : 0
