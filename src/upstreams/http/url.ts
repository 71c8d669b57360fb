/**
 * URLs out of a template and values that callers chose (TRUST S9). Two independent rules: the value must match the
 * allow-list of characters, and the finished URL must still be the template's.
 */
import { badUserInput } from '../../errors.ts'
import { checkId } from '../../tokens/ids.ts'

/** What a request adds to the base URL. */
export interface UrlParts {
  /** A path such as `/users/{user_id}`; written by us, never by a caller. */
  readonly template: string
  /** One value for each `{name}` in the template. */
  readonly params?: Readonly<Record<string, string>>
  /** In the order sent; a key may repeat. */
  readonly query?: readonly (readonly [key: string, value: string])[]
}

const placeholder = /\{([a-z_]+)\}/g

/** The path with every parameter checked and encoded; BAD_USER_INPUT that names the parameter and never echoes it. */
export function fillPath(template: string, params: Readonly<Record<string, string>>): string {
  return template.replace(placeholder, (_, name: string) => encodeURIComponent(checkId(params[name] ?? '', name)))
}

/** The URL of a request below `base`; BAD_USER_INPUT where a parameter does not fit its template. */
export function requestUrl(base: URL, parts: UrlParts): URL {
  const path = fillPath(parts.template, parts.params ?? {})
  const url = new URL(pathPrefix(base) + path, base)
  if (!matchesTemplate(url, base, parts.template)) {
    const names = [...parts.template.matchAll(placeholder)].map(([, name]) => name)
    throw badUserInput(`${names.join(', ')}: the value does not fit into the path of a URL.`)
  }
  for (const [key, value] of parts.query ?? []) url.searchParams.append(key, value)
  return url
}

/** Whether a parsed URL has the origin and the prefix of `base`, and the segments of the template, no more and no less. */
export function matchesTemplate(url: URL, base: URL, template: string): boolean {
  const expected = (pathPrefix(base) + template).split('/')
  const actual = url.pathname.split('/')
  return (
    url.origin === base.origin &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '' &&
    actual.length === expected.length &&
    expected.every((segment, index) => (isPlaceholder(segment) ? actual[index] !== '' : actual[index] === segment))
  )
}

function isPlaceholder(segment: string): boolean {
  return segment.startsWith('{') && segment.endsWith('}')
}

/** The path of the base URL without slashes at its end. */
function pathPrefix(base: URL): string {
  return base.pathname.replace(/\/+$/, '')
}
