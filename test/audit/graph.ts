/** `tokengraph serve` over a strict Clerk server, as a process of its own with a configured audit. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'vitest'
import { builtCommand } from '../kit/built.ts'
import type { Folder } from '../kit/folder.ts'
import { keepOutput } from '../kit/keep-output.ts'
import { askForTokens, configure } from '../kit/real-server.ts'
import type { Answer } from '../kit/server.ts'
import { startClerk } from '../servers/clerk.ts'
import type { ClerkServer } from '../servers/clerk.ts'
import { auditKey } from './chain.ts'

const cli = builtCommand()

export interface AuditedProcess extends AsyncDisposable {
  readonly child: ChildProcess
  readonly clerk: ClerkServer
  /** Everything on standard error: the log, unless the audit goes to a file. */
  readonly stderr: () => string
  /** Reads one token of `user_1`. */
  askToken(): Promise<Answer<{ user: { oauth_access_tokens: { token: string }[] | null } | null }>>
  health(): Promise<number>
}

interface ProcessOptions {
  readonly audit: Readonly<Record<string, unknown>>
  /** Put before the command, in bash. */
  readonly shell?: string
  /** Put after the command, in bash. */
  readonly redirect?: string
}

/** Starts `tokengraph serve` under bash, which sets limits and redirections; `pid` is the server's own. */
export async function startAudited(folder: Folder, options: ProcessOptions): Promise<AuditedProcess> {
  const { audit, shell = '', redirect = '' } = options
  const clerk = await startClerk()
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented-token-1' }])
  const configured = configure(folder, clerk, { audit: { key: auditKey, ...audit } })
  const command = `${shell} exec "${process.execPath}" "${cli}" serve --config "${configured.file}" --port 0 ${redirect}`
  // A limit on the size of files must not reach the compile cache.
  const env = { PATH: process.env.PATH ?? '', NODE_DISABLE_COMPILE_CACHE: '1' }
  const child = spawn('bash', ['-c', command], { cwd: folder.path, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  const url = await new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer) => {
      keepOutput(chunk)
      stderr += chunk.toString()
      const match = /"url":"(http:[^"]+)"/.exec(stderr)
      if (match?.[1] !== undefined) resolve(match[1])
    }
    child.stderr.on('data', look)
    child.stdout.on('data', look)
    child.once('exit', () => {
      reject(new Error(`the server did not start: ${stderr}`))
    })
  })
  return {
    child,
    clerk,
    stderr: () => stderr,
    health: async () => (await fetch(`${url}/health`)).status,
    askToken: async () => {
      const response = await fetch(`${url}/graphql`, askForTokens(configured, 'user_1'))
      return (await response.json()) as Awaited<ReturnType<AuditedProcess['askToken']>>
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'close')
      }
      await clerk.close()
    },
  }
}

export const auditPath = (folder: Folder) => join(folder.path, 'audit', 'audit.ndjson')

/** The answer that replaces one that could not be recorded. */
export const withheld = {
  data: null,
  errors: [
    {
      message: 'The answer was withheld: it could not be recorded.',
      extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: true, request_id: expect.any(String) as string },
    },
  ],
}
