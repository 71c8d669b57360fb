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
