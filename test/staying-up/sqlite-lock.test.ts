/** A database file that another process holds locked: its keys fail in time, and nothing else waits. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { platforms } from '../../src/upstreams/registry.ts'
import { accountRecord } from '../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../src/upstreams/vault/store/write.ts'
import { createAppFile } from '../better-auth/open.ts'
import { account } from '../graph/vault.ts'
import { makeFolder } from '../kit/folder.ts'
import { startTestServer } from '../kit/server.ts'
import type { TestServer } from '../kit/server.ts'
import { startClerk } from '../servers/clerk.ts'

/** A process that has taken a lock when this resolves, and gives it back when it is disposed of. */
async function lockedBy(command: string, args: readonly string[]): Promise<AsyncDisposable> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), exited.then(() => Promise.reject(new Error(`${command} has ended`)))])
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** What an app does that migrates its tables. */
const lockFile = (path: string) =>
  lockedBy(process.execPath, [
    '--input-type=module',
    '-e',
    `import { DatabaseSync } from 'node:sqlite'
     const database = new DatabaseSync(process.argv[1])
     database.exec('BEGIN EXCLUSIVE')
     console.log('locked')
     setInterval(() => database.isOpen, 1000)`,
    path,
  ])

/**
 * The eight locks of a -shm file (bytes 120 to 127), as a process holds them that recovers the log. SQLite gives no way
 * to hold them for long; `perl-base` is a part of every Debian.
 */
const lockLog = (path: string) =>
  lockedBy('perl', [
    '-MFcntl=:flock,:DEFAULT,SEEK_SET',
    '-e',
    `open(my $file, '+<', $ARGV[0]) or die $!;
     my $lock = pack('s s x4 q q i x4', F_WRLCK, SEEK_SET, 120, 8, 0);
     fcntl($file, F_SETLK, $lock) or die $!;
     $| = 1; print "locked\\n"; sleep 60`,
    `${path}-shm`,
  ])

interface Scene extends AsyncDisposable {
  readonly server: TestServer
  lock(): Promise<AsyncDisposable>
}

async function openBetterAuth(): Promise<Scene> {
  const app = createAppFile()
  app.add({ accessToken: 'invented-token', providerId: 'google' })
  const clerk = await startClerk()
  clerk.addTokens('user_1', 'oauth_github')
  const locked = { platform: 'better-auth', database: { sqlite: app.path }, encrypted: false }
  const server = await startTestServer({
    file: { upstreams: { locked, clerk: clerk.options() }, providers: { google: 'locked', default: 'clerk' } },
  })
  return {
    server,
    lock: () => lockFile(app.path),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await clerk.close()
      app[Symbol.dispose]()
    },
  }
}

async function openVault(): Promise<Scene> {
  const folder = makeFolder()
  const path = join(folder.path, 'vault.sqlite')
  const options = { path, keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }] }
  const store = await openStore(platforms.vault.options.parse(options))
  await writeAccounts(store, [accountRecord.parse(account('user_1', 'google'))])
  await store.close()
  const clerk = await startClerk()
  clerk.addTokens('user_1', 'oauth_github')
  const server = await startTestServer({
    file: {
      upstreams: { locked: { platform: 'vault', ...options }, clerk: clerk.options() },
      providers: { google: 'locked', default: 'clerk' },
    },
  })
  return {
    server,
    lock: () => lockLog(path),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await clerk.close()
      folder[Symbol.dispose]()
    },
  }
}

const query = (provider: string) => `{ oauth_access_tokens(user_id: "user_1", provider: "${provider}") { token } }`

async function codeOf(server: TestServer, provider: string, timeoutMs: number): Promise<string> {
  const headers = { authorization: `Bearer ${server.key}`, 'x-request-timeout-ms': String(timeoutMs) }
  const response = await server.post(JSON.stringify({ query: query(provider) }), headers)
  const { errors } = (await response.json()) as { errors?: readonly { extensions: { code: string } }[] }
  return errors?.[0]?.extensions.code ?? 'token'
}

/** The longest time in milliseconds for which the event loop did not turn while `work` went on. */
async function longestStall(work: () => Promise<unknown>): Promise<number> {
  let last = performance.now()
  let longest = 0
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last - 1)
    last = performance.now()
  }, 1)
  await work()
  clearInterval(timer)
  return longest
}

describe.each([
  ['the SQLite file of better-auth', openBetterAuth],
  ['the log of the vault', openVault],
])('%s is locked by another process', (_, open) => {
  test('its keys fail before the deadline, and everything else is answered', async () => {
    await using scene = await open()
    const { server } = scene
    expect(await codeOf(server, 'google', 5000)).toBe('token')
    {
      await using _lock = await scene.lock()
      const waiting = codeOf(server, 'google', 1500)
      const [health, other] = await Promise.all([fetch(`${server.url}/health`), codeOf(server, 'github', 1000)])
      expect([health.status, other]).toEqual([200, 'token'])
      expect(await waiting).toBe('UPSTREAM_UNAVAILABLE')
    }
    // SQLite's own retries may still be under way in the thread.
    await expect.poll(() => codeOf(server, 'google', 2000), { timeout: 15_000 }).toBe('token')
  })

  test('no wait holds the event loop for longer than 20 ms', async () => {
    await using scene = await open()
    const { server } = scene
    await codeOf(server, 'google', 5000)
    await using _lock = await scene.lock()
    const stalls: number[] = []
    for (let n = 0; n < 7; n++) stalls.push(await longestStall(() => codeOf(server, 'google', 150)))
    // A wait would hold it in every round; a pause for garbage, or for another process of this machine, in some.
    expect(Math.min(...stalls)).toBeLessThan(20)
  })
})
