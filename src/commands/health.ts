/** `tokengraph health`: asks a running server whether it is ready, for containers and scripts. */
import { loadConfig } from '../config/load.ts'
import type { Output } from './terminal.ts'

export interface HealthOptions {
  /** `--config`; null where it is not given. */
  readonly file: string | null
  /** `--url`, as `http://127.0.0.1:4000`; null: the configured address. */
  readonly url: string | null
  readonly env: NodeJS.ProcessEnv
}

/** Milliseconds. */
const TIMEOUT_MS = 2000

/** Returns 0 where `/ready` answers 200; 1 where it answers something else, or nothing does. */
export async function checkHealth({ file, url, env }: HealthOptions, { out, err }: Output): Promise<0 | 1> {
  const address = url ?? addressOf(loadConfig({ file, env }).listen)
  try {
    const response = await fetch(new URL('/ready', address), { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const { status } = (await response.json()) as { readonly status?: unknown }
    out.write(`${typeof status === 'string' ? status : String(response.status)}\n`)
    return response.ok ? 0 : 1
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer'
    err.write(`Nothing answers at ${address}: ${code}.\n`)
    return 1
  }
}

/** A server that listens on every address is asked on this machine. */
function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `http://${local}:${String(port)}`
}
