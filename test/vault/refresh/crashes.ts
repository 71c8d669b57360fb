/**
 * A process that is killed at each step of a refresh, at providers of each kind, against a model that says which accounts
 * may die (docs/promises.md R2). For the tests, and for many rounds by `scripts/refresh-proof.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { vault } from '../../../src/upstreams/vault/index.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { startTokenServer } from '../../servers/token-server.ts'
import type { TokenServerOptions } from '../../servers/token-server.ts'
import { failpoints, startReader } from './processes.ts'
import type { Failpoint } from './processes.ts'
import { configured, connect, openReaderOf, rowOf } from './scene.ts'

type Kind = Pick<TokenServerOptions, 'rotation' | 'graceSeconds' | 'reuse'>

/** What providers do with the refresh token before the last. */
const kinds: Readonly<Record<string, Kind>> = {
  'never rotates': { rotation: 'never', graceSeconds: 0, reuse: 'refused' },
  'a grace of a minute': { rotation: 'always', graceSeconds: 60, reuse: 'revokes_family' },
  'the earlier one stays': { rotation: 'always', graceSeconds: 'unlimited', reuse: 'accepted' },
  'no grace, refused': { rotation: 'always', graceSeconds: 0, reuse: 'refused' },
  'no grace, ends the grant': { rotation: 'always', graceSeconds: 0, reuse: 'revokes_family' },
}

export interface Crash {
  readonly kind: string
  readonly point: Failpoint
  /** Whether the provider's answer was lost with the process, where nothing brings it back. */
  readonly mayDie: boolean
}

const afterTheAnswer: ReadonlySet<Failpoint> = new Set(['posting', 'answered', 'committing'])

export const crashes: readonly Crash[] = Object.entries(kinds).flatMap(([kind, { rotation, graceSeconds }]) =>
  failpoints.map((point) => ({
    kind,
    point,
    mayDie: rotation === 'always' && graceSeconds === 0 && afterTheAnswer.has(point),
  })),
)

export interface Outcome {
  /** Whether the account can be read again. */
  readonly alive: boolean
  readonly state: unknown
  readonly reason: unknown
  /** Requests after the crash. */
  readonly posts: number
}

const quick = { proactive: false, post_timeout_ms: 800, wait_ms: 800, lease_ms: 2800 }

/** Kills a process at the point, and reads with another one. `store`: keys that say where the vault is. */
export async function crash({ kind, point }: Crash, store: Readonly<Record<string, unknown>>): Promise<Outcome> {
  const server = await startTokenServer(kinds[kind])
  const options = { ...store, ...configured(server, { vault: { refresh: quick } }) }
  const opened = await openStore(vault.options.parse(options))
  try {
    await connect(opened, server, 'u1')
    const victim = await startReader(options, { failpoint: point })
    server.behave((post) => {
      if (post !== 1 || point !== 'posting') return 'ok'
      // From here: the process cannot know when its request has arrived.
      victim.child.kill('SIGKILL')
      return { delayMs: 500 }
    })
    await victim.read({ provider: 'acme', userId: 'u1', readers: 3 }).then(
      () => {
        throw new Error('the process has not died')
      },
      () => undefined,
    )
    const before = server.posts
    const reader = openReaderOf(options)
    try {
      const alive = await waitForAnswer(reader.read)
      const row = await rowOf(opened, 'u1')
      return { alive, state: row.state, reason: row.state_reason, posts: server.posts - before }
    } finally {
      await reader.close()
    }
  } finally {
    await opened.close()
    await server.stop()
  }
}

const PATIENCE_MS = 20_000

/** true: a live token; false: the user has to consent again. */
async function waitForAnswer(read: ReturnType<typeof openReaderOf>['read']): Promise<boolean> {
  const last = performance.now() + PATIENCE_MS
  while (performance.now() < last) {
    const answer = await read('u1').catch(() => null)
    if (answer?.problem === null) return true
    if (answer?.problem === 'REAUTHORIZATION_REQUIRED') return false
    await sleep(200)
  }
  throw new Error('the account is neither alive nor dead')
}
