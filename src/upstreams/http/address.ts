/** Where a connection may go, decided on the resolved address: a name can be rebound after it was checked (TRUST S10). */
import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'

// No platform lives here, but the metadata services of clouds do. Other private ranges stay allowed: a self-hosted
// platform in the same network is a normal upstream, and its URL comes from the operator alone (DESIGN 5).
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

/** Whether a request may go to this IP address; over plain http to this machine alone, because it carries a key. */
export function mayConnect(address: string, protocol: string): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return !never.check(address, family) && (protocol === 'https:' || loopback.check(address, family))
}

/** Refuses a URL whose host is an address that `mayConnect` forbids; a name is judged once it is resolved. */
export function checkHost(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !mayConnect(host, url.protocol))
    throw new Error('base_url: the address is link-local, unspecified or multicast; no platform can be there')
}

/** The resolver of the operating system, with an error where any address of the name is forbidden. */
export function guardedLookup(protocol: string): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, '')
        return
      }
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => mayConnect(address, protocol)))
        callback(Object.assign(new Error('The address may not be connected to.'), { code: 'EADDRFORBIDDEN' }), '')
      else if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
