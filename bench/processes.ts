/** The processes that a benchmark starts and measures from outside. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { freePort } from '../test/kit/free-port.ts'
import { answer } from './graph.ts'
import type { Operation } from './graph.ts'
import type { Target } from './load.ts'

export const root = fileURLToPath(new URL('..', import.meta.url))
const peersFolder = fileURLToPath(new URL('peers/', import.meta.url))
const START_MS = 30_000
const POLL_MS = 5

export interface Server extends AsyncDisposable {
  readonly target: Target
  /** Milliseconds from the command to the first answer. */
  readonly startMs: number
  /** Resident memory in megabytes. */
  memory(): number
  /** Milliseconds of processor time that all its threads have taken, in steps of ten. */
  cpuMs(): number
}

/** Groups of processes that run; they end with this one, however it ends. */
const groups = new Set<number>()
process.once('exit', () => {
  for (const group of groups) process.kill(-group, 'SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Starts a command and waits until it answers the operation as expected; throws with its output when it does not. */
export async function startServer(
  [command = '', ...args]: readonly string[],
  target: Target,
  operation: Operation,
): Promise<Server> {
  const began = performance.now()
  const env = { ...process.env, NODE_ENV: 'production' }
  // A group of its own, so that stopping `npm` also stops what it started.
  const child = spawn(command, args, { cwd: root, detached: true, env })
  const { pid } = child
  if (pid === undefined) throw new Error(`cannot start ${command}`)
  groups.add(pid)
  child.once('exit', () => groups.delete(pid))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)))
  const closed = once(child, 'close')
  const server = {
    target,
    memory: () => {
      const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))
      return Math.round(Number(line?.[1]) / 1024)
    },
    cpuMs: () => {
      // User and system time, the 14th and 15th field of proc_pid_stat(5), in ticks of 10 ms.
      const [user, system] = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
        .split(' ')
        .slice(13, 15)
      return (Number(user) + Number(system)) * 10
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGTERM')
      await closed
    },
  }
  try {
    for (const until = performance.now() + START_MS; !(await answers(target, operation));) {
      if (child.exitCode !== null) throw new Error('it ended')
      if (performance.now() > until) throw new Error('it did not answer in time')
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw new Error(`${[command, ...args].join(' ')}: ${String(error)}\n${output}`, { cause: error })
  }
  return { ...server, startMs: performance.now() - began }
}

async function answers(target: Target, operation: Operation): Promise<boolean> {
  try {
    await check(target, operation)
    return true
  } catch (error) {
    if (error instanceof TypeError) return false // what `fetch` throws until the port is open
    throw error
  }
}

/** Throws unless the server answers with the data that every server has to answer with. */
export async function check({ port, headers }: Target, operation: Operation): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${String(port)}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(operation),
  })
  const text = await response.text()
  if (!isDeepStrictEqual(JSON.parse(text), { data: answer(operation) }))
    throw new Error(`another answer than expected: ${text.slice(0, 500)}`)
}

export const peers = ['raw', 'mercurius-jit', 'mercurius', 'yoga-jit', 'yoga', 'apollo'] as const
export type Peer = (typeof peers)[number]

/** Installs the peers where they are missing or older than their lock file: 65 MB that only this command needs. */
export async function installPeers(): Promise<void> {
  const modifiedMs = (name: string): number => statSync(peersFolder + name, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (modifiedMs('node_modules/.package-lock.json') > modifiedMs('package-lock.json')) return
  console.log('Installing the peers (bench/peers)')
  const child = spawn('npm', ['ci', '--no-audit', '--no-fund'], { cwd: peersFolder, stdio: 'inherit' })
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error('npm ci failed in bench/peers')
}

export async function startPeer(peer: Peer, operation: Operation): Promise<Server> {
  const port = await freePort()
  return startServer(['node', 'bench/peers/serve.mjs', peer, String(port)], { port, headers: {} }, operation)
}
