/** Stands in for the identity provider that a real application has: one key pair, its public half, and short tokens. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { IssuerOptions } from '../../../src/auth/options.ts'

const AUDIENCE = 'tokengraph'
const KEY_ID = 'example'

export interface IdentityProvider {
  /** The row for `auth.issuers` of tokengraph's configuration. */
  readonly options: IssuerOptions
  /** A JWT of the user that lives one minute. */
  issueToken(user_id: string): Promise<string>
  stop(): Promise<void>
}

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const keys = [{ ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'ES256', use: 'sig' }]
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return {
    options: { issuer, audience: AUDIENCE, jwks_url: `${issuer}/jwks`, algorithms: ['ES256'], user_claim: 'sub' },
    issueToken: (user_id) =>
      new SignJWT()
        .setProtectedHeader({ alg: 'ES256', kid: KEY_ID, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setSubject(user_id)
        .setExpirationTime('1 minute')
        .sign(privateKey),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
