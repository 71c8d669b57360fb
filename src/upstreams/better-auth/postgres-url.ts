/** The URL of a PostgreSQL database, taken apart here: nothing of it may be filled in from the environment. */
import { z } from 'zod'
import { secret } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import { isLoopback } from '../../lib/url.ts'

export interface PostgresAddress {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: Secret
  /** With a certificate that is checked; PostgreSQL's own `require` would accept any. */
  readonly tls: boolean
}

const tlsModes = new Set(['require', 'verify-ca', 'verify-full'])
const expectation = 'expected a URL such as postgres://user:password@host:5432/database'

/** A URL; the output is its parts. No message shows any of them. */
export const postgresUrl = z.string().transform((value, context): PostgresAddress => {
  const address = parseAddress(value)
  if (typeof address !== 'string') return address
  context.addIssue(address)
  return z.NEVER
})

function parseAddress(value: string): PostgresAddress | string {
  if (!URL.canParse(value)) return expectation
  const url = new URL(value)
  const parts = [url.hostname, url.pathname.slice(1), url.username, url.password].map(decode)
  const [host = '', database = '', user = '', password = ''] = parts
  const isPostgres = url.protocol === 'postgres:' || url.protocol === 'postgresql:'
  if (!isPostgres || parts.includes(null) || !host || !database || !user || url.hash !== '') return expectation
  const tls = tlsOf(url)
  if (typeof tls === 'string') return tls
  const port = url.port === '' ? 5432 : Number(url.port)
  return { host: host.replace(/^\[|\]$/g, ''), port, database, user, password: secret(password ?? ''), tls }
}

function tlsOf(url: URL): boolean | string {
  const { sslmode, channel_binding, ...others } = Object.fromEntries(url.searchParams)
  // Some hosts put it into the URLs that they give out; it adds nothing to a certificate that is checked.
  if (channel_binding !== undefined && !/^(prefer|require|disable)$/.test(channel_binding))
    return 'channel_binding: expected prefer, require or disable'
  if (Object.keys(others).length > 0) return 'expected no query parameters but sslmode and channel_binding'
  if (sslmode === undefined) return !isLoopback(url.hostname)
  if (sslmode === 'disable') return false
  return tlsModes.has(sslmode) ? true : 'sslmode: expected disable, require, verify-ca or verify-full'
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part)
  } catch {
    return null
  }
}
