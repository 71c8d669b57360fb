/** `tokengraph health`: asks a running server whether it is ready, for containers and scripts. */
import { loadConfig } from '../config/load.ts'
import { whyNot } from '../lib/files.ts'
import { valueAt } from '../lib/issues.ts'
import { UsageError } from './terminal.ts'
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
  const address = url === null ? addressOf(loadConfig({ file, env }).listen) : checkUrl(url)
  let response: Response
  try {
    response = await fetch(new URL('/ready', address), { signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (error) {
    const isSlow = error instanceof DOMException && error.name === 'TimeoutError'
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    const reason = isSlow ? `no answer within ${TIMEOUT_MS / 1000} seconds` : whyNot(cause)
    err.write(
      `Nothing answers at ${address}: ${reason ?? 'it cannot be asked over HTTP'}. ` +
        'Start the server, or name its address with --url.\n',
    )
    return 1
  }
  const status = valueAt(await response.json().catch(() => null), ['status'])
  if (typeof status !== 'string') {
    err.write(`${address} answers, but is no tokengraph: its /ready says no status. Check --url, or listen.port.\n`)
    return 1
  }
  out.write(`${status}\n`)
  return response.ok ? 0 : 1
}

function checkUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new UsageError('--url: expected an address such as http://127.0.0.1:4000.')
  return parsed.origin
}

/** A server that listens on every address is asked on this machine. */
function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `http://${local}:${String(port)}`
}
