/** The body of an answer of a token endpoint as named members, in whichever form it came. */
import { parseJson } from '../kit.ts'

/** A JSON object, or the members of a form. */
export type Members = Readonly<Record<string, unknown>>

// Invalid bytes are replaced and not refused: a broken name of a team must not cost the tokens beside it.
const utf8 = new TextDecoder('utf-8')
const formStart = /^[A-Za-z_][\w.-]*=/

/**
 * The members of a body in JSON or in a form, whatever its content type says: GitHub answers a form where it is not
 * asked for JSON, and JSON comes as text/html. null: neither.
 */
export function parseMembers(body: string | Uint8Array): Members | null {
  const text = (typeof body === 'string' ? body : utf8.decode(body)).replace(/^\ufeff/, '').trim()
  if (text.startsWith('{')) return asMembers(parseJson(text))
  // The first of a repeated name counts, as in most servers.
  if (formStart.test(text)) return Object.fromEntries([...new URLSearchParams(text)].toReversed())
  return null
}

/** The value where it is an object with named members; otherwise null. */
export function asMembers(value: unknown): Members | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Members) : null
}

/** The member itself, never one of a prototype. */
export function memberOf(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined
}

/** The value at a path such as `team.id` or `data.0.id`; undefined where there is none. */
export function valueAtPath(members: Members, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) => (value !== null && typeof value === 'object' ? memberOf(value as Members, name) : undefined),
      members,
    )
}

/** The text, where it is text with something in it; otherwise null. */
export function filledText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
