/**
 * Restarts under load, one replica after another behind a balancer, and no failed request (docs/promises.md R11): fifty of the
 * server within this process, and a few of real processes with SIGTERM. `RESTARTS` says how many of those.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startServer } from '../../src/main.ts'
import { loadConfig } from '../../src/config/load.ts'
import { writeLog } from '../../src/log.ts'
import { startClerk } from '../servers/clerk.ts'
import type { ClerkServer } from '../servers/clerk.ts'
import { makeFolder } from '../kit/folder.ts'
import { randomFrom, seed } from '../kit/random.ts'
import { PROBE_EVERY_MS, startBalancer } from './balancer.ts'
import { startLoad } from './load.ts'
import { askForTokens, configure, startReal } from '../kit/real-server.ts'
import type { Configured } from '../kit/real-server.ts'

const PROCESS_RESTARTS = Number(process.env.RESTARTS ?? 4)
const CALLERS = 12
const random = randomFrom(seed)

/** Half of the answers take a while, so that every restart finds some under way. */
async function startSlowClerk() {
  const clerk = await startClerk()
  for (let n = 0; n < 100; n++)
    clerk.addTokens(`user_${String(n)}`, 'oauth_google', [{ token: `invented-token-${String(n)}` }])
  clerk.misbehave(
    async () => {
      await sleep(random() * 100)
      return 'proceed' as const
    },
    { path: /[02468]\/oauth_access_tokens/ },
  )
  return clerk
}

function askThrough(url: string, configured: Configured) {
  return async (n: number): Promise<string | null> => {
    const user = String(n % 100)
    const response = await fetch(`${url}/graphql`, askForTokens(configured, `user_${user}`))
    const text = await response.text()
    const right = JSON.stringify({ data: { user: { oauth_access_tokens: [{ token: `invented-token-${user}` }] } } })
    return response.status === 200 && text === right ? null : `${String(response.status)} ${text}`
  }
}

function configureFor(folder: ReturnType<typeof makeFolder>, clerk: ClerkServer): Configured {
  const file = { cache: { seconds: 0 }, unready_seconds: 0.5 }
  return configure(folder, clerk, file, { rate: { requests: 1_000_000, per_seconds: 1 } })
}

it('fifty restarts of the server within one process', async () => {
  using folder = makeFolder()
  await using clerk = await startSlowClerk()
  await using balancer = await startBalancer()
  const configured = configureFor(folder, clerk)
  const config = { ...loadConfig({ file: configured.file, env: {} }), listen: { host: '127.0.0.1', port: 0 } }
  const log = writeLog('silent', { write: () => undefined })
  const startReplica = async () => {
    const server = await startServer(config, { log })
    await balancer.add(server.url)
    return server
  }
  const replicas = [await startReplica(), await startReplica()]
  const load = startLoad(CALLERS, askThrough(balancer.url, configured))
  for (let restart = 0; restart < 50; restart++) {
    replicas.push(await startReplica())
    const old = replicas.shift()
    // Long against what a loaded machine takes from the balancer, which runs in this process too.
    await old?.stop({ noticeMs: 20 * PROBE_EVERY_MS, idleMs: 5 * PROBE_EVERY_MS })
    balancer.remove(old?.url ?? '')
  }
  const { sent, failures } = await load.stop()
  expect(failures).toEqual([])
  expect(sent).toBeGreaterThan(500)
  for (const replica of replicas) await replica.stop()
})

it(
  'restarts of real processes with SIGTERM, which exit 0',
  { timeout: 60_000 + PROCESS_RESTARTS * 10_000 },
  async () => {
    using folder = makeFolder()
    await using clerk = await startSlowClerk()
    await using balancer = await startBalancer()
    const configured = configureFor(folder, clerk)
    const startReplica = async () => {
      const server = await startReal(folder, configured)
      await balancer.add(server.url)
      return server
    }
    const replicas = [await startReplica(), await startReplica()]
    const load = startLoad(CALLERS, askThrough(balancer.url, configured))
    for (let restart = 0; restart < PROCESS_RESTARTS; restart++) {
      replicas.push(await startReplica())
      const old = replicas.shift()
      old?.process.child.kill('SIGTERM')
      const ended = await old?.process.ended
      expect(ended?.code).toBe(0)
      expect(`${ended?.stdout ?? ''}${ended?.stderr ?? ''}`).not.toContain('did not finish in time')
      balancer.remove(old?.url ?? '')
    }
    const { sent, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(sent).toBeGreaterThan(100)
    for (const { process } of replicas) await process[Symbol.asyncDispose]()
  },
)
