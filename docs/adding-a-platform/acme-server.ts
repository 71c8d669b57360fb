/** A strict local Acme, written from docs/platforms/acme.md and not from our client. */
import { startLocal } from '../../test/servers/local.ts'
import type { LocalServer } from '../../test/servers/local.ts'

/** The connections of every user that Acme knows, by user id. */
export type Users = Readonly<Record<string, readonly object[]>>

/** Starts the server on a free port of 127.0.0.1; it answers with what `users` holds at that moment. */
export async function startAcme(users: Users): Promise<LocalServer & { readonly api_key: string }> {
  const api_key = 'invented-acme-key'
  const server = await startLocal(({ method, path, query, headers }) => {
    if (headers.authorization !== `Bearer ${api_key}`) return { status: 401, body: { error: 'invented-upstream-text' } }
    const [, userId] = /^\/v1\/users\/([^/]+)\/connections$/.exec(path) ?? []
    if (method !== 'GET' || query.size > 0 || userId === undefined) return { status: 400, body: {} }
    const connections = users[decodeURIComponent(userId)]
    return connections === undefined ? { status: 404, body: {} } : { status: 200, body: { connections } }
  })
  return Object.assign(server, { api_key })
}
