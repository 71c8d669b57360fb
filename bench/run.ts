/**
 * `npm run bench`: the figures of this server on this machine. Machines are shared and noisy: compare the figures of
 * one run with each other, not with those of another run. `BENCH_SECONDS` is the length of each load.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashServiceKey, newServiceKey } from '../src/auth/service-keys.ts'
import { ask, load, waitUntilReady } from './client.ts'
import type { Operation, Target } from './client.ts'
import { median, residentMegabytes, startProcess } from './processes.ts'

const LATENCY_MS = 20
const SECONDS = Number(process.env.BENCH_SECONDS ?? '5')
const PORT = 4700
const url = `http://127.0.0.1:${String(PORT)}`

const one: Operation = {
  query: '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token expires_at } } }',
}
const hundred: Operation = {
  query: `query ($ids: [ID!]!) { users(ids: $ids) {
    google: oauth_access_tokens(provider: "google") { token expires_at }
    github: oauth_access_tokens(provider: "github") { token expires_at }
  } }`,
  variables: { ids: Array.from({ length: 100 }, (_, n) => `user_${String(n)}`) },
}

function note(figure: string, value: string | number): void {
  console.log(`${figure.padEnd(66)} ${String(value)}`)
}

/** From the command to the first answer, npm included. */
async function measureStart(): Promise<void> {
  const took: number[] = []
  for (let run = 0; run < 5; run++) {
    const began = performance.now()
    const server = await startProcess('npm', ['start', '--', '--port', String(PORT)], /key {4}(tgk_\S+)/)
    await ask({ url, key: server.match[1] ?? '' }, one)
    took.push(performance.now() - began)
    await server.stop()
  }
  note('npm start to the first answer, median of 5 (ms)', Math.round(median(took)))
}

async function callsSoFar(upstream: string): Promise<{ calls: number; distinct: number }> {
  return (await (await fetch(`${upstream}/stats`)).json()) as { calls: number; distinct: number }
}

interface Setting {
  readonly title: string
  readonly cache_seconds: number
  /** Everything that holds the door: audit to a file, limits, metrics, proof of the gateway. */
  readonly door: boolean
}

const gatewaySecret = 'invented-gateway-secret-0123456789abcdef'

/** Production, with nothing that would hold the load back but what is measured. */
function configuration(upstream: string, key_sha256: string, folder: string, { cache_seconds, door }: Setting): string {
  const caller_rate = { burst: 1_000_000_000, per_second: 1_000_000 }
  const most = 1_000_000
  const doorOn = {
    audit: { sink: 'file', path: join(folder, 'audit.log'), key: 'invented-audit-key-0123456789abcdef' },
    gateway: { shared_secret: { header: 'x-gateway-secret', secrets_sha256: [hashServiceKey(gatewaySecret)] } },
    metrics: { port: PORT + 1 },
    limits: { caller_rate },
  }
  const doorOff = {
    audit: { sink: 'none' },
    limits: {
      caller_rate,
      depth: most,
      fields: most,
      aliases: most,
      directives: most,
      root_fields: most,
      token_reads: most,
    },
  }
  return JSON.stringify({
    listen: { host: '127.0.0.1' },
    log_level: 'warn',
    cache: { seconds: cache_seconds },
    upstreams: {
      clerk: {
        platform: 'clerk',
        secret_key: 'sk_live_invented',
        base_url: `${upstream}/v1`,
        rate: { requests: 1_000_000, per_seconds: 1 },
      },
    },
    auth: { services: [{ id: 'bench', key_sha256, grants: [{ providers: ['*'] }] }] },
    ...(door ? doorOn : doorOff),
  })
}

/** The load, and what it costs upstream. */
async function measureLoad(target: Target, upstream: string): Promise<void> {
  await callsSoFar(upstream)
  await Promise.all(Array.from({ length: 50 }, () => ask(target, hundred)))
  const { calls, distinct } = await callsSoFar(upstream)
  note('fifty concurrent requests for 100 x 2: calls / distinct keys', `${String(calls)} / ${String(distinct)}`)
  const single = await load(target, one, 50, SECONDS)
  note('one token, 50 connections (requests/s)', Math.round(single.requests.average))
  note('  latency p50 / p99 (ms)', `${String(single.latency.p50)} / ${String(single.latency.p99)}`)
  const many = await load(target, hundred, 10, SECONDS)
  note('100 x 2 tokens, 10 connections (requests/s)', many.requests.average.toFixed(1))
  note('  latency p50 / p99 (ms)', `${String(many.latency.p50)} / ${String(many.latency.p99)}`)
}

async function measureServer(upstream: string, setting: Setting): Promise<void> {
  console.log(`\ntokengraph, ${setting.title}`)
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-bench-'))
  const { key, key_sha256 } = newServiceKey()
  const file = join(folder, 'tokengraph.yaml')
  writeFileSync(file, configuration(upstream, key_sha256, folder, setting))
  const server = await startProcess('node', ['src/cli.ts', 'serve', '--config', file, '--port', String(PORT)], /^/)
  const target: Target = { url, key, headers: { 'x-gateway-secret': gatewaySecret } }
  try {
    await waitUntilReady(url)
    await ask(target, one)
    note('resident memory, idle (MB)', residentMegabytes(server.pid))
    await measureLoad(target, upstream)
    note('resident memory, after the load (MB)', residentMegabytes(server.pid))
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
}

async function measurePeer(upstream: string): Promise<void> {
  console.log('\npeer: graphql-yoga with @clerk/backend in its resolver')
  const env = { CLERK_API_URL: upstream, PORT: String(PORT), NODE_ENV: 'production' }
  const peer = await startProcess('node', ['bench/peer.ts'], /listening/, env)
  await measureLoad({ url, key: 'none', headers: {} }, upstream)
  await peer.stop()
}

await measureStart()
const upstream = await startProcess('node', ['bench/upstream.ts'], /http:\S+/, { LATENCY_MS: String(LATENCY_MS) })
console.log(`\nThe upstream answers after ${String(LATENCY_MS)} ms.`)
await measurePeer(upstream.match[0])
await measureServer(upstream.match[0], { title: 'no cache, the door off', cache_seconds: 0, door: false })
await measureServer(upstream.match[0], { title: 'cache of 30 s, the door off', cache_seconds: 30, door: false })
await measureServer(upstream.match[0], { title: 'cache of 30 s, the door on', cache_seconds: 30, door: true })
await upstream.stop()
