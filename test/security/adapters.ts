/** The two ways into the same server: over a socket, and over the Fetch API without one. */
import { openServer } from '../../src/main.ts'
import { writeLog } from '../../src/log.ts'
import { configOf } from '../kit/server.ts'
import { startDoor } from './support.ts'

export interface Surface extends AsyncDisposable {
  /** Of the server, as a browser would see it. */
  readonly origin: string
  /** Sends a request to a path. */
  send(path: string, init?: RequestInit): Promise<Response>
}

/** Each starts a server in production; `file` is merged over its configuration. */
export const adapters: readonly (readonly [string, (file?: Readonly<Record<string, unknown>>) => Promise<Surface>])[] =
  [
    ['node:http', startOverNode],
    ['fetch', openOverFetch],
  ]

async function startOverNode(file: Readonly<Record<string, unknown>> = {}): Promise<Surface> {
  const door = await startDoor(file)
  return {
    origin: door.server.url,
    send: (path, init) => fetch(`${door.server.url}${path}`, init),
    [Symbol.asyncDispose]: () => door[Symbol.asyncDispose](),
  }
}

async function openOverFetch(file: Readonly<Record<string, unknown>> = {}): Promise<Surface> {
  const clerk = { platform: 'clerk', secret_key: 'sk_test_invented', base_url: 'http://127.0.0.1:9/v1' }
  const services = [{ id: 'reader', key_sha256: '0'.repeat(64) }]
  const config = configOf({ upstreams: { clerk }, auth: { services }, ...file })
  const server = await openServer(config, { log: writeLog('silent', { write: () => undefined }) })
  const origin = 'http://graph.example'
  return {
    origin,
    send: (path, init) => server.app.fetch(new Request(`${origin}${path}`, init)),
    [Symbol.asyncDispose]: () => server.close(),
  }
}
