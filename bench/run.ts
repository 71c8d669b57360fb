/**
 * `npm run bench`: the figures of this server on this machine. Machines are shared and noisy: compare the figures of
 * one run with each other, not with those of another run. `BENCH_SECONDS` is the length of each load.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newServiceKey } from '../src/auth/service-key.ts'
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

/** The configuration of the server under test: production, with nothing that would hold the load back. */
function configuration(upstream: string, key_sha256: string, cache_seconds: number): string {
  return JSON.stringify({
    listen: { host: '127.0.0.1' },
    log_level: 'warn',
    cache: { seconds: cache_seconds },
    limits: { viewer_keys: { burst: 1_000_000_000, per_second: 1_000_000 } },
    upstreams: {
      clerk: {
        platform: 'clerk',
        secret_key: 'sk_live_invented',
        base_url: `${upstream}/v1`,
        rate: { requests: 1_000_000, per_seconds: 1 },
      },
    },
    auth: { services: [{ id: 'bench', key_sha256, grants: [{ providers: ['*'] }] }] },
  })
}

async function measureServer(upstream: string, cache_seconds: number): Promise<void> {
  console.log(
    `\nClerk at ${String(LATENCY_MS)} ms, cache ${cache_seconds === 0 ? 'off' : `${String(cache_seconds)} s`}`,
  )
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-bench-'))
  const { key, key_sha256 } = newServiceKey()
  const file = join(folder, 'tokengraph.yaml')
  writeFileSync(file, configuration(upstream, key_sha256, cache_seconds))
  const server = await startProcess('node', ['src/cli.ts', 'serve', '--config', file, '--port', String(PORT)], /^/)
  const target: Target = { url, key }
  try {
    await waitUntilReady(url)
    await ask(target, one)
    note('resident memory, idle (MB)', residentMegabytes(server.pid))

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
    note('resident memory, after the load (MB)', residentMegabytes(server.pid))
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
}

await measureStart()
const upstream = await startProcess('node', ['bench/upstream.ts'], /http:\S+/, { LATENCY_MS: String(LATENCY_MS) })
await measureServer(upstream.match[0], 0)
await measureServer(upstream.match[0], 30)
await upstream.stop()
