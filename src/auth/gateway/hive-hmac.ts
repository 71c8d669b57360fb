/**
 * The signature of Hive Gateway's `hmacSignature` (@graphql-mesh/hmac-upstream-signature 2.1): HMAC-SHA256 over the
 * query and its variables, in an extension of the body. It says that the gateway sent these two once, and nothing
 * about whom it sent them for, when or how often (TRUST section 0, finding 2): a proof of the caller, never of a user.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { reveal } from '../../tokens/secret.ts'
import type { GatewayRequest } from './gateway-request.ts'
import type { HiveHmacOptions } from './options.ts'
import { stableJson } from './stable-json.ts'
import { fails } from './verdict.ts'
import type { Verdict } from './verdict.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })
const base64Of32Bytes = /^[A-Za-z0-9+/]{43}=$/

export function createCheckHiveHmac({
  secrets,
  extension,
}: HiveHmacOptions): (request: GatewayRequest) => Promise<Verdict> {
  return async (request) => {
    const body = parseObject(await request.body())
    const given = asObject(body?.extensions)?.[extension]
    if (typeof given !== 'string' || !base64Of32Bytes.test(given)) return fails('Hive HMAC: none')
    const signed = body === null ? null : signedText(body)
    if (signed === null) return fails('Hive HMAC: no query, or variables too deep')
    const signature = Buffer.from(given, 'base64')
    const equal = secrets.filter((secret) =>
      timingSafeEqual(signature, createHmac('sha256', reveal(secret)).update(signed).digest()),
    )
    return equal.length > 0 ? { holds: true, by: 'hive_hmac' } : fails('Hive HMAC: does not hold')
  }
}

/** As the gateway wrote it: no variables and none at all are the same. */
function signedText({ query, variables }: Readonly<Record<string, unknown>>): string | null {
  if (typeof query !== 'string') return null
  const given = asObject(variables)
  const hasVariables = given !== null && Object.keys(given).length > 0
  return stableJson(hasVariables ? { query, variables } : { query })
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    return asObject(JSON.parse(utf8.decode(bytes)))
  } catch {
    return null
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null
}
