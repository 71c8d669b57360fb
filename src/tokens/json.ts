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
