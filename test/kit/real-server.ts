/** The server as a process of its own over a local Clerk, configured as in production. */
import { readdirSync, readFileSync } from 'node:fs'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import type { ClerkServer } from '../servers/clerk.ts'
import type { Folder } from './folder.ts'
import { start } from './process.ts'
import type { Started } from './process.ts'

export interface Configured {
  /** The configuration file. */
  readonly file: string
  /** May read everything. */
  readonly key: string
}

export interface RealServer {
  readonly url: string
  readonly process: Started
}

/** Writes the configuration; `more` stands at its top. */
export function configure(
  folder: Folder,
  clerk: ClerkServer,
  more: Readonly<Record<string, unknown>> = {},
  upstream: Readonly<Record<string, unknown>> = {},
): Configured {
  const { key, key_sha256 } = newServiceKey()
  const content = {
    listen: { host: '127.0.0.1' },
    upstreams: { clerk: clerk.options(upstream) },
    auth: { services: [{ id: 'test', key_sha256, grants: [{ providers: ['*'] }] }] },
    audit: { sink: 'none' },
    ...more,
  }
  return { file: folder.write('tokengraph.yaml', JSON.stringify(content)), key }
}

/** Resolves once it listens. */
export async function startReal(
  folder: Folder,
  { file }: Configured,
  env: Readonly<Record<string, string>> = {},
): Promise<RealServer> {
  const process = start(['serve', '--config', file, '--port', '0'], { cwd: folder.path, env })
  const [, url = ''] = await process.seen(/"url":"(http:[^"]+)"/)
  return { url, process }
}

export function askForTokens({ key }: Configured, user_id: string): RequestInit {
  const query = '{ user(id: "USER") { oauth_access_tokens(provider: "google") { token } } }'.replace('USER', user_id)
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query }),
  }
}

/** Resident megabytes and open files of a process. */
export function measureProcess({ child }: Started): { readonly megabytes: number; readonly files: number } {
  const folder = `/proc/${String(child.pid)}`
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`${folder}/status`, 'utf8')) ?? []
  return { megabytes: Number(kilobytes) / 1024, files: readdirSync(`${folder}/fd`).length }
}
