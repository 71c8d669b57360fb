/**
 * The signature of Hive Gateway's `hmacSignature` (@graphql-mesh/hmac-upstream-signature 2.1): HMAC-SHA256 over the
 * query and its variables, in an extension of the body. It says that the gateway sent these two once, and nothing
 * about whom it sent them for, when or how often (TRUST section 0, finding 2): a proof of the caller, never of a user.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { reveal } from '../lib/secret.ts'
import type { HiveHmacOptions } from './options.ts'
import { fails } from './proof.ts'
import type { GatewayRequest, Verdict } from './proof.ts'

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

/** JSON with the members of every object in the order of their names, as json-stable-stringify writes it. */

// Deeper values would run out of stack; nothing that a schema here accepts comes near.
const MAX_DEPTH = 100

/** `value` comes out of JSON. null when it is nested too deeply. */
export function stableJson(value: unknown, depth = 0): string | null {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (depth === MAX_DEPTH) return null
  const parts: string[] = []
  if (Array.isArray(value)) {
    for (const entry of value) {
      const text = stableJson(entry, depth + 1)
      if (text === null) return null
      parts.push(text)
    }
    return `[${parts.join(',')}]`
  }
  // By UTF-16 code units, as `Array.prototype.sort` compares.
  for (const name of Object.keys(value).sort()) {
    const text = stableJson((value as Record<string, unknown>)[name], depth + 1)
    if (text === null) return null
    parts.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${parts.join(',')}}`
}
