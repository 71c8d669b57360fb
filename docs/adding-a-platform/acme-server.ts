/** A strict local Acme, written from its documentation, not from `acme.ts`. */
import { startLocal } from '../../test/servers/local.ts'
import type { LocalServer } from '../../test/servers/local.ts'

/** Starts the server on a free port of 127.0.0.1; `connections` by user id, as Acme documents them. */
export async function startAcme(
  connections: Readonly<Record<string, readonly object[]>>,
): Promise<LocalServer & { readonly api_key: string }> {
  const api_key = 'invented-acme-key'
  const server = await startLocal(({ method, path, query, headers }) => {
    if (headers.authorization !== `Bearer ${api_key}`) return { status: 401, body: { error: 'invented-text' } }
    const [, userId] = /^\/v1\/users\/(acme_[a-z]+)\/connections$/.exec(path) ?? []
    if (method !== 'GET' || query.size > 0 || userId === undefined) return { status: 400, body: {} }
    const found = connections[userId]
    return found === undefined ? { status: 404, body: {} } : { status: 200, body: { connections: found } }
  })
  return Object.assign(server, { api_key })
}
