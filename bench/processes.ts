/** The processes that a benchmark starts and measures from outside. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

export interface Started {
  readonly pid: number
  /** The first match of the pattern in what the process wrote. */
  readonly match: RegExpExecArray
  /** Milliseconds from the start to the match. */
  readonly took_ms: number
  stop(): Promise<void>
}

/** Starts a command in the repository and waits for `pattern` in its output. */
export async function startProcess(
  command: string,
  args: readonly string[],
  pattern: RegExp,
  env: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const began = performance.now()
  // A group of its own, so that stopping `npm` also stops what it started.
  const child = spawn(command, args, { cwd: root, detached: true, env: { ...process.env, ...env } })
  const match = await waitFor(child, pattern)
  return {
    pid: child.pid ?? 0,
    match,
    took_ms: performance.now() - began,
    stop: () =>
      new Promise((resolve) => {
        child.once('close', () => {
          resolve()
        })
        process.kill(-(child.pid ?? 0), 'SIGTERM')
      }),
  }
}

function waitFor(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = ''
  return new Promise((resolve, reject) => {
    const empty = pattern.exec('')
    if (empty !== null) resolve(empty)
    const look = (chunk: Buffer) => {
      text += chunk.toString()
      const match = pattern.exec(text)
      if (match !== null) resolve(match)
      if (text.length > 100_000) text = ''
    }
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
    child.once('close', () => {
      reject(new Error(`ended before ${String(pattern)}:\n${text}`))
    })
  })
}

/** Resident memory of a process in megabytes. */
export function residentMegabytes(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))
  return Math.round(Number(line?.[1] ?? 0) / 1024)
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
