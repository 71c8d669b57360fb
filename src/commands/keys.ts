/** `tokengraph keys new`: makes a service key and shows it once. */
import { authOptions } from '../auth/options.ts'
import { newServiceKey } from '../auth/service-keys.ts'
import { UsageError } from './terminal.ts'
import type { Format, Output } from './terminal.ts'

export interface NewKeyOptions {
  /** The `id` of the service in the configuration. */
  readonly id: string
  readonly format?: Format
}

/**
 * Prints a new key, its SHA-256 and the lines for the configuration; stores nothing. Returns the exit code, 0;
 * throws `UsageError` when the id is not valid.
 */
export function newKey({ id, format = 'text' }: NewKeyOptions, { out }: Output): 0 {
  const { key, key_sha256: digest } = newServiceKey()
  if (!authOptions.safeParse({ services: [{ id, key_sha256: digest }] }).success)
    throw new UsageError('--id: the id of a service has 1 to 64 letters, digits and _ . - only.')
  if (format === 'json') {
    out.write(`${JSON.stringify({ id, key, key_sha256: digest })}\n`)
    return 0
  }
  out.write(`The key, shown this once. Give it to the service; it presents it as "Authorization: Bearer <key>":

  ${key}

Its SHA-256:

  ${digest}

For the configuration, which needs the SHA-256 alone (narrow the grants to what the service needs):

auth:
  services:
    - id: ${id}
      key_sha256: ${digest}
      grants:
        - { providers: [oauth_google], fields: [token] }
`)
  return 0
}
