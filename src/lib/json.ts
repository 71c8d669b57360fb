/** JSON that came from elsewhere: parsing, depth, repeated members, and keys that could reach a prototype. */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses JSON text, or its bytes in UTF-8; returns undefined, which no JSON text means, where it is neither. Drops the
 * error of `JSON.parse`, because its message quotes the text. Invalid bytes are refused and not replaced, so that what is
 * read is what was sent.
 */
export function parseJson(json: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof json === 'string' ? json : utf8.decode(json))
  } catch {
    return undefined
  }
}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Copies a value without `__proto__`, `constructor` and `prototype` keys at any depth, because gateways merge what
 * subgraphs send (CVE-2026-32621). The value must come from `JSON.parse`, which guarantees plain data.
 */
function safeJson(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(safeJson)
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([key]) => !forbiddenKeys.has(key))
    return Object.fromEntries(entries.map(([key, child]) => [key, safeJson(child)]))
  }
  return value as JsonValue
}

/** Copies an object in the same way. Anything that is not an object becomes `{}`. */
export function safeJsonObject(value: unknown): JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (safeJson(value) as JsonObject) : {}
}

/**
 * Whether a value has at most `max` levels below the outermost one. Goes level by level instead of recursing, so that a
 * deeply nested value cannot exhaust the stack.
 */
export function isWithinDepth(value: unknown, max: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > max) return false
    level = level.flatMap((item) =>
      item !== null && typeof item === 'object' ? (Object.values(item) as unknown[]) : [],
    )
  }
  return true
}

// A string is one token, so that braces and colons inside it do not count.
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g

/**
 * Whether no member of the outermost object is named twice. `JSON.parse` keeps the last one, other parsers the first.
 * RFC 7519 section 4 lets a verifier refuse repeated claims: where an issuer copies user input into a token, "the last
 * one wins" would let that user choose the subject. `json` must have passed `JSON.parse`.
 */
export function hasUniqueMembers(json: string): boolean {
  return findRepeatedMember(json) === null
}

/**
 * Returns the first member of the outermost object that is named twice, or null. `json` must have passed `JSON.parse`.
 */
export function findRepeatedMember(json: string): string | null {
  const names = new Set<string>()
  let depth = 0
  let previous = ''
  for (const [token] of json.matchAll(tokens)) {
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    else if (token === ':' && depth === 1) {
      const name = JSON.parse(previous) as string
      if (names.has(name)) return name
      names.add(name)
    }
    previous = token
  }
  return null
}
