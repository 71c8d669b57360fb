/** `tokengraph keys new`: a service key, shown once. */
import { authOptions } from '../auth/options.ts'
import { newServiceKey } from '../auth/service-keys.ts'

export interface NewKeyOptions {
  /** Where the text goes: standard output. */
  readonly out: { write(text: string): unknown }
  /** The `id` of the service in the configuration. */
  readonly id?: string
}

/** Prints a new key, its SHA-256 and the lines for the configuration; returns the exit code. Stores nothing. */
export function newKey({ out, id = 'my-service' }: NewKeyOptions): number {
  const { key, key_sha256 } = newServiceKey()
  if (!authOptions.safeParse({ services: [{ id, key_sha256 }] }).success) {
    out.write('The id of a service has 1 to 64 letters, digits and _ . - only.\n')
    return 1
  }
  out.write(`The key, shown this once. Give it to the service; it presents it as "Authorization: Bearer <key>":

  ${key}

Its SHA-256:

  ${key_sha256}

For the configuration, which needs the SHA-256 alone (narrow the grants to what the service needs):

auth:
  services:
    - id: ${id}
      key_sha256: ${key_sha256}
      grants:
        - { providers: [oauth_google], fields: [token] }
`)
  return 0
}
