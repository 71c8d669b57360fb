/** Keeps credentials out of metadata: some platforms pass on profiles as the provider sent them. */
import type { JsonObject, JsonValue } from '../lib/json.ts'

// In any spelling: access_token, accessToken, refresh-token, clientSecret, password …
const secretName = /(token|secret|password|private_?key|assertion)$/

/** A copy without members, at any depth, whose name says that they are credentials. */
export function withoutSecrets(object: JsonObject): JsonObject {
  const entries = Object.entries(object).filter(([key]) => !secretName.test(key.toLowerCase()))
  return Object.fromEntries(entries.map(([key, value]) => [key, strip(value)]))
}

function strip(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(strip)
  return value !== null && typeof value === 'object' ? withoutSecrets(value as JsonObject) : value
}
