/**
 * Restarts under load, one replica after another behind a balancer, and no failed request (docs/promises.md R11): fifty of the
 * server within this process, and a few of real processes with SIGTERM. `RESTARTS` says how many of those. Most of the
 * time is waiting, so that several balancers have theirs restarted side by side.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { writeLog } from '../../src/log.ts'
import { startServer } from '../../src/main.ts'
import { makeFolder } from '../kit/folder.ts'
import { randomFrom, seed } from '../kit/random.ts'
import { askForTokens, configure, startReal } from '../kit/real-server.ts'
import type { Configured } from '../kit/real-server.ts'
import { startClerk } from '../servers/clerk.ts'
import type { ClerkServer } from '../servers/clerk.ts'
import { PROBE_EVERY_MS, startBalancer } from './balancer.ts'
import { startLoad } from './load.ts'

const PROCESS_RESTARTS = Number(process.env.RESTARTS ?? 4)
/** Of each balancer. */
const CALLERS = 4
/** Half of the answers take up to 100 ms: requests are under way nearly all the time. */
const PAUSE_MS = 10
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

interface Replicas<Replica> {
  start(): Promise<Replica>
  stop(replica: Replica): Promise<unknown>
}

/** Restarts one of two replicas after the other, as often as `times` says, behind a balancer of their own. */
async function restart<Replica extends { readonly url: string }>(
  times: number,
  configured: Configured,
  { start, stop }: Replicas<Replica>,
): Promise<void> {
  await using balancer = await startBalancer()
  const startReplica = async () => {
    const replica = await start()
    await balancer.add(replica.url)
    return replica
  }
  const replicas = [await startReplica(), await startReplica()]
  const load = startLoad(CALLERS, askThrough(balancer.url, configured), PAUSE_MS)
  for (let done = 0; done < times; done++) {
    replicas.push(await startReplica())
    const old = replicas.shift()
    if (old === undefined) throw new Error('there are two')
    await stop(old)
    balancer.remove(old.url)
  }
  const { sent, failures } = await load.stop()
  expect(failures).toEqual([])
  expect(sent).toBeGreaterThan(100)
  for (const replica of replicas) await stop(replica)
}

it('fifty restarts of the server within one process', async () => {
  using folder = makeFolder()
  await using clerk = await startSlowClerk()
  const configured = configureFor(folder, clerk)
  const config = { ...loadConfig({ file: configured.file, env: {} }), listen: { host: '127.0.0.1', port: 0 } }
  const log = writeLog('silent', { write: () => undefined })
  await Promise.all(
    Array.from({ length: 5 }, () =>
      restart(10, configured, {
        start: () => startServer(config, { log }),
        // Long against what a loaded machine takes from the balancer, which runs in this process too.
        stop: (replica) => replica.stop({ noticeMs: 40 * PROBE_EVERY_MS, idleMs: 5 * PROBE_EVERY_MS }),
      }),
    ),
  )
})

it(
  'restarts of real processes with SIGTERM, which exit 0',
  { timeout: 60_000 + PROCESS_RESTARTS * 10_000 },
  async () => {
    using folder = makeFolder()
    await using clerk = await startSlowClerk()
    const configured = configureFor(folder, clerk)
    await Promise.all(
      Array.from({ length: 2 }, () =>
        restart(PROCESS_RESTARTS / 2, configured, {
          start: () => startReal(folder, configured),
          async stop({ process: { child, ended } }) {
            child.kill('SIGTERM')
            const { code, stdout, stderr } = await ended
            expect(code).toBe(0)
            expect(stdout + stderr).not.toContain('did not finish in time')
          },
        }),
      ),
    )
  },
)
