/** A real OpenID-like issuer on 127.0.0.1: real keys, a JWKS document that counts its requests and misbehaves on purpose. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import type { IssuerOptions } from '../../src/auth/options.ts'

export interface SigningKey {
  readonly alg: string
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

interface SignOverrides {
  /** Merged over `{ alg, kid, typ: 'JWT' }`; undefined leaves a member out. */
  readonly header?: Readonly<Record<string, unknown>>
  readonly key?: SigningKey
}

export interface Issuer extends AsyncDisposable {
  readonly issuer: string
  readonly jwks_url: string
  /** How often the key set was asked for. */
  readonly requests: number
  /** The key that signs now. */
  readonly key: SigningKey
  /** A row for `auth.issuers`. */
  options(overrides?: Partial<IssuerOptions>): IssuerOptions
  /** A token of `user_1` for `tokengraph` that lives five minutes; an undefined claim is left out. */
  sign(claims?: Readonly<Record<string, unknown>>, overrides?: SignOverrides): Promise<string>
  /** Signs with a new key from now on; the older ones stay in the set unless `keep` is false. */
  rotate(options?: { readonly keep?: boolean }): Promise<void>
  /** While true, the key set is answered with 503. */
  outage(on: boolean): void
  /** While true, requests for the key set wait; then they are answered. */
  slow(on: boolean): void
  /** Answers in place of the key set, until null. */
  answer(handler: ((response: ServerResponse) => void) | null): void
}

interface IssuerSettings {
  /** The algorithm of its keys. */
  readonly alg?: string
  /** Milliseconds since 1970, from which tokens get their `exp`. */
  readonly now?: () => number
}

export async function startIssuer({ alg = 'ES256', now = Date.now }: IssuerSettings = {}): Promise<Issuer> {
  let keys = [await generateKey(alg)]
  let requests = 0
  let isOut = false
  let handler: ((response: ServerResponse) => void) | null = null
  let gate: PromiseWithResolvers<void> | null = null

  const server = createServer((_request, response) => {
    requests += 1
    void (gate?.promise ?? Promise.resolve()).then(() => {
      if (handler !== null) handler(response)
      else if (isOut) response.writeHead(503).end()
      else response.end(JSON.stringify({ keys: keys.map((key) => key.jwk) }))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const newest = (): SigningKey => keys[0]!

  return {
    issuer: origin,
    jwks_url: `${origin}/jwks`,
    get requests() {
      return requests
    },
    get key() {
      return newest()
    },
    options: (overrides) => ({
      issuer: origin,
      audience: 'tokengraph',
      jwks_url: `${origin}/jwks`,
      algorithms: [alg as IssuerOptions['algorithms'][number]],
      user_claim: 'sub',
      ...overrides,
    }),
    sign: (claims, { header, key = newest() } = {}) => {
      const exp = Math.floor(now() / 1000) + 300
      return new SignJWT({ iss: origin, aud: 'tokengraph', sub: 'user_1', exp, ...claims })
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
        .sign(key.privateKey)
    },
    rotate: async ({ keep = true } = {}) => {
      keys = [await generateKey(alg), ...(keep ? keys : [])]
    },
    outage: (on) => {
      isOut = on
    },
    slow: (on) => {
      gate?.resolve()
      gate = on ? Promise.withResolvers() : null
    },
    answer: (next) => {
      handler = next
    },
    [Symbol.asyncDispose]: async () => {
      gate?.resolve()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

let generated = 0

/** A key pair with a `kid` of its own, published or not. */
export async function generateKey(alg: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  generated += 1
  const kid = `key-${String(generated)}`
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}
