/**
 * Starts what a frontend team has around it: tokengraph in development mode, an identity provider, the page (Vite) and
 * the page's backend. In production the first two run elsewhere and Vite's build is a folder of static files;
 * `backend-for-frontend.ts` is the part to take along.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createVite } from 'vite'
import { startServer } from '../../../src/main.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { DEMO_USER } from '../../../src/development/demo.ts'
import { developmentVault, prepareDevelopment } from '../../../src/development/development.ts'
import type { Log } from '../../../src/log.ts'
import { createBackend } from './backend-for-frontend.ts'
import { openConsent } from './consent.ts'
import { startIdentityProvider } from './identity-provider.ts'

export interface Example {
  /** As `http://127.0.0.1:5173`. */
  readonly url: string
  stop(): Promise<void>
}

// The page may load from here alone, and nobody may frame it. Vite needs the inline parts while it develops.
const contentSecurityPolicy =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/** `port` 0: any free port. `log` is the graph's. */
export async function startExample({ port, log }: { readonly port: number; readonly log: Log }): Promise<Example> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  // Fresh at every start, and outside of what Vite serves.
  const folder = mkdtempSync(join(tmpdir(), 'tokengraph-example-'))
  const identityProvider = await startIdentityProvider()
  const configured = { ...loadConfig({ env: {} }), listen: { host: '127.0.0.1', port: 0 } }
  const { config } = await prepareDevelopment(configured, folder)
  const auth = { ...config.auth, issuers: [identityProvider.options] }
  const graph = await startServer({ ...config, auth }, { log })
  const consent = await openConsent(developmentVault(folder), DEMO_USER)

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
    pages: consent.pages,
  })
  server.on('request', (request, response) => {
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
      void consent.close()
      await identityProvider.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
