/** A tenant with a privileged worker: real keys, and the options that an operator would write. */
import { generateKeyPairSync } from 'node:crypto'
import { startAuth0 } from './auth0.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const privatePem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string

export async function startAuth0Worker({ client_secret }: { readonly client_secret?: string } = {}) {
  const client_id = 'invented-worker'
  const connections = ['google-oauth2', 'github', 'windowslive']
  const server = await startAuth0({
    worker: { client_id, public_key: publicKey, key_id: 'k1', connections, ...(client_secret && { client_secret }) },
  })
  const options = {
    base_url: server.url,
    client_id,
    private_key: privatePem,
    key_id: 'k1',
    ...(client_secret && { client_secret }),
  }
  const management = { client_id: server.client_id, client_secret: server.client_secret }

  /** An entry of the vault, and the connected account that the Management API shows for it. */
  function connect(
    user_id: string,
    connection: string,
    given: { token?: string; scopes?: string[]; extra?: object } = {},
  ) {
    const { token = `invented-token-${user_id}-${connection}`, scopes = ['email', 'profile'], extra = {} } = given
    server.addUser(user_id)
    if (!connections.includes(connection)) connections.push(connection)
    server.vault.set(`${user_id}\n${connection}`, {
      access_token: token,
      scope: scopes.join(' '),
      expires_in: 3000,
      ...extra,
    })
    const listed = server.accounts.get(user_id) ?? []
    const id = `cac_${String(listed.length)}`
    const connection_id = `con_${connection}`
    const created_at = '2026-01-01T00:00:00.000Z'
    listed.push({ id, connection, connection_id, strategy: connection, access_type: 'offline', scopes, created_at })
    server.accounts.set(user_id, listed)
    return token
  }
  return Object.assign(server, { options, management, connect })
}
