/**
 * The signature of Hive Gateway's `hmacSignature` (@graphql-mesh/hmac-upstream-signature 2.1): HMAC-SHA256 over the
 * query and its variables, in an extension of the body. It covers neither the user nor the time nor a nonce, so it is a
 * proof of the sender, never of a user, and can be replayed.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { parseJson } from '../lib/json.ts'
import { reveal } from '../lib/secret.ts'
import type { HiveHmacOptions } from './options.ts'
import { accepted, rejected } from './proof.ts'
import type { CheckProof } from './proof.ts'

type Members = Readonly<Record<string, unknown>>

const base64Of32Bytes = /^[A-Za-z0-9+/]{43}=$/

export function createCheckHiveHmac({ secrets, extension }: HiveHmacOptions): CheckProof {
  return async (request) => {
    const body = asObject(parseJson(await request.body()))
    const given = asObject(body?.extensions)?.[extension]
    if (typeof given !== 'string' || !base64Of32Bytes.test(given)) return rejected('Hive HMAC: none')
    const signed = body === null ? null : signedText(body)
    if (signed === null) return rejected('Hive HMAC: no query, or variables too deep')
    const signature = Buffer.from(given, 'base64')
    // All secrets are compared, so that the time does not tell which one matches.
    const matching = secrets.filter((secret) =>
      timingSafeEqual(signature, createHmac('sha256', reveal(secret)).update(signed).digest()),
    )
    return matching.length > 0 ? accepted('hive_hmac') : rejected('Hive HMAC: does not hold')
  }
}

/** The text that the gateway signs. It treats empty variables as absent. */
function signedText({ query, variables }: Members): string | null {
  if (typeof query !== 'string') return null
  const given = asObject(variables)
  const hasVariables = given !== null && Object.keys(given).length > 0
  return stableJson(hasVariables ? { query, variables } : { query })
}

function asObject(value: unknown): Members | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : null
}

// Deeper values would exhaust the stack; no operation that the schema accepts comes near.
const MAX_DEPTH = 100

/**
 * Writes JSON with the members of every object sorted by name, as json-stable-stringify does. `value` must come from
 * `JSON.parse`. Returns null when it is nested too deeply.
 */
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
    const text = stableJson((value as Members)[name], depth + 1)
    if (text === null) return null
    parts.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${parts.join(',')}}`
}
