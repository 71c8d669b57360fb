/** Stopping always ends, within drain_seconds; and every signal does what an operator expects (docs/promises.md R11). */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { builtCommand } from '../kit/built.ts'
import { makeFolder } from '../kit/folder.ts'
import { freePort } from '../kit/free-port.ts'
import { askForTokens, configure, startReal } from '../kit/real-server.ts'
import { startClerk } from '../servers/clerk.ts'
import { holds } from '../servers/misbehaviour.ts'

const cli = builtCommand()
const key = 'invented-audit-key-0123456789abcdef'
const drain_seconds = 2

/** Of a pipe, somebody holds the other end without reading. */
it.each<[string, object, string]>([
  ['the audit on standard output', { audit: { sink: 'stdout', key } }, '2> log > pipe'],
  // The last lines cannot be written, and Node would wait for them when it exits.
  ['the log on standard output', { log_level: 'debug' }, '2> errors > pipe'],
])('SIGTERM ends the server while nobody reads %s', async (_name, more, redirect) => {
  using folder = makeFolder()
  const clerk = await startClerk()
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented-token-1' }])
  const configured = configure(folder, clerk, { drain_seconds, unready_seconds: 0, ...more })
  const prepare = 'mkfifo pipe; (exec sleep 1000 < pipe) & '
  const command = `${prepare}exec "${process.execPath}" "${cli}" serve --config "${configured.file}" --port 0 ${redirect}`
  const port = await freePort()
  const child = spawn('bash', ['-c', command.replace('--port 0', `--port ${String(port)}`)], {
    cwd: folder.path,
    env: { PATH: process.env.PATH ?? '' },
    stdio: 'ignore',
    detached: true,
  })
  try {
    const url = `http://127.0.0.1:${String(port)}`
    await expect
      .poll(
        () =>
          fetch(`${url}/ready`)
            .then(({ status }) => status)
            .catch(() => 0),
        { timeout: 20_000 },
      )
      .toBe(200)
    const ask = () => fetch(`${url}/graphql`, askForTokens(configured, 'user_1')).then(({ status }) => status)
    // Far more than a pipe takes, which is 64 KiB.
    for (let round = 0; round < 12; round++)
      await Promise.race([Promise.all(Array.from({ length: 40 }, ask)).catch(() => null), sleep(1500)])
    const began = performance.now()
    const closed = once(child, 'exit')
    child.kill('SIGTERM')
    await closed
    expect(performance.now() - began).toBeLessThan(drain_seconds * 1000 + 4000)
  } finally {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // All have ended.
    }
    await clerk.close()
  }
})

it('SIGTERM finishes the running request and exits 0', async () => {
  using folder = makeFolder()
  const clerk = await startClerk()
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented-token-1' }])
  const configured = configure(folder, clerk, { drain_seconds: 30, unready_seconds: 0 })
  const { process: server, url } = await startReal(folder, configured)
  await using _stop = server
  const gate = Promise.withResolvers<unknown>()
  clerk.misbehave(holds(gate.promise))
  const running = fetch(`${url}/graphql`, askForTokens(configured, 'user_1'))
  await clerk.arrived(1)
  server.child.kill('SIGTERM')
  await server.seen(/"msg":"stopping"/)
  gate.resolve(null)
  expect((await running).status).toBe(200)
  expect((await server.ended).code).toBe(0)
  await clerk.close()
})

it('SIGUSR1 opens no debugger in production, and SIGPIPE changes nothing', async () => {
  using folder = makeFolder()
  const clerk = await startClerk()
  const configured = configure(folder, clerk, { unready_seconds: 0 })
  const { process: server, url } = await startReal(folder, configured)
  await using _stop = server
  server.child.kill('SIGUSR1')
  await server.seen(/no debugger is opened in production/)
  server.child.kill('SIGPIPE')
  expect((await fetch(`${url}/health`)).status).toBe(200)
  expect(openPorts(server.child.pid!)).toHaveLength(1)
  server.child.kill('SIGTERM')
  const { code, stdout, stderr } = await server.ended
  expect(code).toBe(0)
  expect(stdout + stderr).not.toContain('Debugger')
  await clerk.close()
})

/** The ports that a process listens on. */
function openPorts(pid: number): string[] {
  const sockets = new Set(
    execFileSync('ls', ['-l', `/proc/${String(pid)}/fd`])
      .toString()
      .match(/socket:\[\d+\]/g)
      ?.map((name) => name.slice(8, -1)),
  )
  return readFileSync(join('/proc', String(pid), 'net/tcp'), 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === '0A' && sockets.has(columns[9] ?? ''))
    .map((columns) => columns[1] ?? '')
}
