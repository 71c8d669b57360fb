/** The command line, as it is built, as a real process. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { builtCommand } from './built.ts'
import { keepOutput } from './keep-output.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** The working directory. */
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** null: standard input stays open, for the test to write to. */
  readonly input?: string | null
}

export interface Started extends AsyncDisposable {
  readonly child: ChildProcess
  /** Resolves with the first match in what was written so far to both streams; rejects when the process ends first. */
  seen(pattern: RegExp): Promise<RegExpExecArray>
  readonly ended: Promise<Ended>
}

/** Nothing of the environment of the test run reaches the process, but for the path. */
export function start(args: readonly string[], { cwd, env = {}, input }: RunOptions): Started {
  const child = spawn(process.execPath, [builtCommand(), ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  let stdout = ''
  let stderr = ''
  let look = (): void => undefined
  child.stdout.on('data', (chunk: Buffer) => {
    keepOutput(chunk)
    stdout += chunk.toString()
    look()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    keepOutput(chunk)
    stderr += chunk.toString()
    look()
  })
  // A command may end without reading all of it.
  child.stdin.on('error', () => undefined)
  if (input !== null) child.stdin.end(input)
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  return {
    child,
    ended,
    seen: (pattern) =>
      new Promise((resolve, reject) => {
        look = () => {
          const match = pattern.exec(stdout + stderr)
          if (match !== null) resolve(match)
        }
        look()
        void ended.then(() => {
          reject(new Error(`the process ended without ${String(pattern)}:\n${stdout}${stderr}`))
        })
      }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Runs a command to its end. */
export function run(args: readonly string[], options: RunOptions): Promise<Ended> {
  return start(args, options).ended
}
