/** Our client of a local Auth0 tenant, opened through the options that an operator writes. */
import { auth0 } from '../../src/upstreams/auth0/index.ts'
import type { Auth0Server } from '../servers/auth0.ts'
import { openPlatform } from './open-platform.ts'

export function openAuth0({ url, client_id, client_secret }: Auth0Server, given: object = {}) {
  return openPlatform(auth0, { base_url: url, client_id, client_secret, ...given })
}

/** The calls below `/api/v2/users`, as path and query. */
export function userCalls(server: Auth0Server): string[] {
  return server.calls
    .filter(({ path }) => path.startsWith('/api/v2/users'))
    .map(({ path, query }) => `${path}${query.has('q') ? `?q=${query.get('q') ?? ''}` : ''}`)
}
