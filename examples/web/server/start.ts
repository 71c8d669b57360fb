/**
 * Starts what a frontend team has around it: tokengraph in development mode, an identity provider, the page (Vite) and
 * the page's backend. In production the first two run elsewhere and Vite's build is a folder of static files;
 * `backend-for-frontend.ts` is the part to take along.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createVite } from 'vite'
import { startServer } from '../../../src/main.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { DEMO_USER, demoAccounts } from '../../../src/development/demo.ts'
import { developmentVault, prepareDevelopment } from '../../../src/development/development.ts'
import type { Log } from '../../../src/log.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import type { VaultOptions } from '../../../src/upstreams/vault/options.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import { freePort } from '../../../test/kit/free-port.ts'
import { createBackend } from './backend-for-frontend.ts'
import { startIdentityProvider } from './identity-provider.ts'

export interface Example {
  /** As `http://127.0.0.1:5173`. */
  readonly url: string
  stop(): Promise<void>
}

export interface ExampleOptions {
  /** 0: any free one. */
  readonly port: number
  /** Of the graph. */
  readonly log: Log
  /** Seconds that tokens of the demo provider live. */
  readonly accessSeconds?: number
}

// The page may load from here alone, and nobody may frame it. Vite needs the inline parts while it develops.
const contentSecurityPolicy =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

export async function startExample({ port, log, accessSeconds }: ExampleOptions): Promise<Example> {
  // The port is open before the page is there: what comes until then waits for it.
  const ready = Promise.withResolvers<RequestListener>()
  const server = createServer((request, response) => {
    void ready.promise.then((listener) => {
      listener(request, response)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  // Fresh at every start, and outside of what Vite serves.
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-example-'))
  const identityProvider = await startIdentityProvider()
  // Browsers come back from the demo provider to this port.
  const configured = { ...loadConfig({ env: {} }), listen: { host: '127.0.0.1', port: await freePort() } }
  const more = accessSeconds === undefined ? {} : { accessSeconds }
  const { config } = await prepareDevelopment(configured, folder, { returnTo: [`${url}/`], ...more })
  const auth = { ...config.auth, issuers: [identityProvider.options] }
  const graph = await startServer({ ...config, auth }, { log })
  await shortenLife(developmentVault(folder))

  const vite = await createVite({
    configFile: join(import.meta.dirname, '../vite.config.ts'),
    cacheDir: join(folder, 'vite'),
    logLevel: 'error',
    server: { middlewareMode: true, ws: { server } },
  })
  const backend = createBackend({
    origin: url,
    graph: `${graph.url}/graphql`,
    issueToken: identityProvider.issueToken,
    signInUser: DEMO_USER,
  })
  ready.resolve((request, response) => {
    response.setHeader('content-security-policy', contentSecurityPolicy)
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('referrer-policy', 'same-origin')
    backend(request, response, () => {
      vite.middlewares(request, response)
    })
  })

  return {
    url,
    stop: async () => {
      await vite.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await graph.stop()
      await identityProvider.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Gives one of the demo accounts a token that lives an hour, so that something counts down. */
async function shortenLife(vault: VaultOptions): Promise<void> {
  const store = await openStore(vault)
  const home = demoAccounts.find(({ external_account_id }) => external_account_id === 'eac_demo_google_home')
  const inAnHour = Math.floor(Date.now() / 1000) + 3600
  if (home !== undefined) await writeAccounts(store, [{ ...home, expires_at: inAnHour }])
  await store.close()
}
