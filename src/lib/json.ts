/** JSON values as they come from platforms, and the one rule about them: no key that could reach a prototype. */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * A copy without `__proto__`, `constructor` and `prototype` keys at any depth: gateways merge what subgraphs send
 * (CVE-2026-32621). The value must come from `JSON.parse`, which guarantees plain data.
 */
function safeJson(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(safeJson)
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([key]) => !forbiddenKeys.has(key))
    return Object.fromEntries(entries.map(([key, child]) => [key, safeJson(child)]))
  }
  return value as JsonValue
}

/** The same for a field that is documented as an object; null and absence become `{}`. */
export function safeJsonObject(value: unknown): JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (safeJson(value) as JsonObject) : {}
}

/** JSON objects that name a member twice: `JSON.parse` keeps the last, other parsers the first. */

// Strings as a whole, so that braces and colons inside of them do not count.
const parts = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g

/**
 * Whether no member of the outermost object is named twice. RFC 7519 section 4 lets a verifier refuse repeated claims;
 * where an issuer copies a user's input into a token, "the last one wins" would let that user choose who they are.
 * `json` must have passed `JSON.parse`.
 */
export function hasUniqueMembers(json: string): boolean {
  return findRepeatedMember(json) === null
}

/** The first member of the outermost object that is named twice; null: none is. `json` must have passed `JSON.parse`. */
export function findRepeatedMember(json: string): string | null {
  const names = new Set<string>()
  let depth = 0
  let previous = ''
  for (const [part] of json.matchAll(parts)) {
    if (part === '{' || part === '[') depth += 1
    else if (part === '}' || part === ']') depth -= 1
    else if (part === ':' && depth === 1) {
      const name = JSON.parse(previous) as string
      if (names.has(name)) return name
      names.add(name)
    }
    previous = part
  }
  return null
}
