/**
 * Which addresses an upstream may have (docs/promises.md S10). They are checked when a connection is made, because a name can
 * be rebound after it was checked.
 */
import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { isSecure } from '../../lib/url.ts'

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
