/** Signs a gateway's request to tokengraph (RFC 9421, RFC 9530) with nothing but Node's own crypto. */
import { createHmac, hash, randomUUID } from 'node:crypto'

interface Unsigned {
  readonly url: string
  /** What goes along already; `authorization` is covered when it is there. */
  readonly headers: Readonly<Record<string, string>>
  /** The very text that is sent. */
  readonly body: string
}

/** The headers to add, for a POST; a request that is sent again needs new ones. */
export function signRequest({ url, headers, body }: Unsigned, key: { readonly id: string; readonly secret: string }) {
  const digest = `sha-256=:${hash('sha256', body, 'base64')}:`
  const authorization = new Headers(headers).get('authorization')
  const components: [name: string, value: string][] = [
    ['@method', 'POST'],
    ['@path', new URL(url).pathname],
    ['content-digest', digest],
  ]
  if (authorization !== null) components.push(['authorization', authorization])
  const covered = components.map(([name]) => `"${name}"`).join(' ')
  const created = String(Math.floor(Date.now() / 1000))
  const parameters = `(${covered});created=${created};nonce="${randomUUID()}";keyid="${key.id}";alg="hmac-sha256"`
  const lines = components.map(([name, value]) => `"${name}": ${value}`)
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n')
  const signature = createHmac('sha256', key.secret).update(base).digest('base64')
  return {
    'content-digest': digest,
    'signature-input': `gateway=${parameters}`,
    signature: `gateway=:${signature}:`,
  }
}
