/**
 * Reads what a request is about out of its target alone (RFC 9112 section 3.2). Nothing is decoded, resolved or joined
 * with the Host header, so that a proxy that filters by path and this server read the same path.
 */

export interface Target {
  /** Without the query. */
  readonly path: string
  /** With the port; empty when the request names none. */
  readonly host: string
}

const absoluteForm = /^https?:\/\/([^/?#]+)([^?#]*)/i
const originForm = /^\/[^?#]*/

/** `host` is the Host header. In absolute form the target names the host (section 3.2.2). Null: not readable. */
export function readTarget(target: string, host: string): Target | null {
  const [, authority, path] = absoluteForm.exec(target) ?? []
  if (!isHost(host) || !isHost(authority ?? '')) return null
  if (authority !== undefined) return { path: path === undefined || path === '' ? '/' : path, host: authority }
  const [own] = originForm.exec(target) ?? []
  return own === undefined ? null : { path: own, host }
}

// RFC 3986 section 3.2.2, with the zones of RFC 6874. Names of containers may end in a number, as no WHATWG URL may.
// Without the comma, which joins repeated headers.
const hostSyntax = /^(?:\[[\da-f:.]+(?:%25[\w.~-]+)?\]|(?:[\w.~!$&'()*+;=-]|%[\da-f]{2})*)(?::(\d{0,5}))?$/i
const MAX_PORT = 65_535

/** Whether a Host header is well-formed; the empty one is. */
export function isHost(host: string): boolean {
  const match = hostSyntax.exec(host)
  return match !== null && Number(match[1] ?? 0) <= MAX_PORT
}
