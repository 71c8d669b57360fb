/**
 * Where a request may go. Two independent rules guard its URL (docs/promises.md S9): a value is percent-encoded into one
 * segment of the path, and the finished URL must have exactly the path that was built. The address is checked when the
 * connection is made, because a name can be rebound after it was checked (docs/promises.md S10).
 */
import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { badUserInput } from '../../errors.ts'
import { isSecure, withoutTrailingSlashes } from '../../lib/url.ts'
import { checkAccountId } from '../../tokens/ids.ts'

/** What a request adds to the base URL. */
export interface UrlParts {
  /** A path such as `/users/{user_id}`; from the platform's code, never from a caller. */
  readonly template: string
  /** One value for each `{name}` in the template. */
  readonly params?: Readonly<Record<string, string>>
  /** In the order sent; a key may repeat. */
  readonly query?: readonly (readonly [key: string, value: string])[]
}

const placeholder = /\{([a-z_]+)\}/g

/**
 * The path with every parameter checked and encoded; BAD_USER_INPUT that names the parameter and never echoes it. `.` and
 * `..` are refused: no encoding keeps them in their segment (WHATWG URL, single-dot and double-dot path segments).
 */
export function fillPath(template: string, params: Readonly<Record<string, string>>): string {
  return template.replace(placeholder, (_, name: string) =>
    encodeURIComponent(checkPathSegment(params[name] ?? '', name)),
  )
}

/** Returns the value, which may be any id but one that a parser of URLs takes for a step to another folder. */
export function checkPathSegment(value: string, argument: string): string {
  if (value === '.' || value === '..') throw badUserInput(`${argument}: the value does not fit into the path of a URL.`)
  return checkAccountId(value, argument)
}

/** The URL of a request below `base`; BAD_USER_INPUT where a parameter cannot be a segment of a path. */
export function requestUrl(base: URL, parts: UrlParts): URL {
  const path = pathPrefix(base) + fillPath(parts.template, parts.params ?? {})
  const url = new URL(path, base)
  if (!isExactly(url, base, path)) {
    const names = [...parts.template.matchAll(placeholder)].map(([, name]) => name)
    throw badUserInput(`${names.join(', ')}: the value does not fit into the path of a URL.`)
  }
  for (const [key, value] of parts.query ?? []) url.searchParams.append(key, value)
  return url
}

/** Whether a parsed URL has the origin of `base` and exactly this path: no parser moved a part of it elsewhere. */
export function isExactly(url: URL, base: URL, path: string): boolean {
  return (
    url.origin === base.origin &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '' &&
    url.pathname === path
  )
}

/** The path of the base URL without slashes at its end. */
function pathPrefix(base: URL): string {
  return withoutTrailingSlashes(base.pathname)
}

// No platform has these addresses, but the metadata services of clouds do. Other private ranges stay allowed: a
// self-hosted platform in the same network is a normal upstream, and only the operator sets its URL.
const never = new BlockList()
never.addSubnet('0.0.0.0', 8, 'ipv4')
never.addSubnet('169.254.0.0', 16, 'ipv4')
never.addSubnet('224.0.0.0', 3, 'ipv4')
never.addAddress('::', 'ipv6')
never.addSubnet('fe80::', 10, 'ipv6')
never.addSubnet('ff00::', 8, 'ipv6')
never.addAddress('fd00:ec2::254', 'ipv6')

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

// RFC 1918, RFC 6598 and RFC 4193: what a cluster or a compose network gives its services.
const inside = new BlockList()
inside.addSubnet('10.0.0.0', 8, 'ipv4')
inside.addSubnet('172.16.0.0', 12, 'ipv4')
inside.addSubnet('192.168.0.0', 16, 'ipv4')
inside.addSubnet('100.64.0.0', 10, 'ipv4')
inside.addSubnet('fc00::', 7, 'ipv6')

/** How requests travel: encrypted anywhere; in clear to this machine, or to private addresses where that is allowed. */
export type Route = 'https' | 'loopback' | 'private'

/** The route of a URL; `plainHttp`: whether the operator allows plain http to private addresses. */
export function routeOf({ protocol }: URL, plainHttp: boolean): Route {
  if (protocol === 'https:') return 'https'
  return plainHttp ? 'private' : 'loopback'
}

/** Whether a request may go to this IP address. Plain http carries a key that the network can read. */
export function mayConnect(address: string, route: Route): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  if (never.check(address, family)) return false
  return route === 'https' || loopback.check(address, family) || (route === 'private' && inside.check(address, family))
}

/** Refuses a URL whose host is an address that `mayConnect` forbids; a name is checked once it is resolved. */
export function checkHost(url: URL, route: Route): void {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 ? mayConnect(host, route) : route !== 'loopback' || isSecure(url)) return
  throw new Error(
    isIP(host) !== 0 && !mayConnect(host, 'https')
      ? 'base_url: the address is link-local, unspecified or multicast; no platform can be there'
      : 'base_url: plain http needs a private address and the name of the upstream in allow_http',
  )
}

/** Resolves like the operating system, and fails where any address of the name is forbidden. */
export function guardedLookup(route: Route): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, '')
        return
      }
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => mayConnect(address, route)))
        callback(Object.assign(new Error('The address may not be connected to.'), { code: 'EADDRFORBIDDEN' }), '')
      else if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
