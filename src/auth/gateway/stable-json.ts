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
