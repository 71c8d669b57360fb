/** A secret in a header: what every router can send. It says nothing about the rest of the request. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { GatewayRequest } from './gateway-request.ts'
import type { SharedSecretOptions } from './options.ts'
import { fails } from './verdict.ts'
import type { Verdict } from './verdict.ts'

export function createCheckSharedSecret({
  header,
  secrets_sha256,
}: SharedSecretOptions): (request: GatewayRequest) => Verdict {
  const digests = secrets_sha256.map((text) => Buffer.from(text, 'hex'))
  return (request) => {
    const given = request.header(header)
    if (given === null) return fails('shared secret: none')
    const digest = hash('sha256', given, 'buffer')
    // Every one is compared: the time tells nothing about how much of a secret fits, or of which.
    const equal = digests.filter((known) => timingSafeEqual(known, digest))
    return equal.length > 0 ? { holds: true, by: 'shared_secret' } : fails('shared secret: another one')
  }
}
