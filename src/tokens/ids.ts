/** The rules about ids and provider names. A check throws BAD_USER_INPUT that names the argument, never the value. */
import { badUserInput } from '../errors.ts'

const MAX_ID_LENGTH = 255
// What cannot leave a path segment, a header or a log line (docs/promises.md S9). The platforms' own ids all fit.
const idCharacters = /^[A-Za-z0-9_.:|@-]+$/
const providerCharacters = /^[A-Za-z0-9_.-]+$/
const onlyDots = /^\.+$/
const PREFIX = 'oauth_'

/** Returns the id. */
export function checkId(value: string, argument: string): string {
  if (value.length === 0) throw badUserInput(`${argument} is empty.`)
  if (value.length > MAX_ID_LENGTH)
    throw badUserInput(
      `${argument} has ${String(value.length)} characters; at most ${String(MAX_ID_LENGTH)} are allowed.`,
    )
  if (!idCharacters.test(value) || onlyDots.test(value))
    throw badUserInput(`${argument} may hold letters, digits and _ . : | @ - only, and not only dots.`)
  return value
}

/** The name inside this process: `google` for `oauth_google`, and for `google`, which callers may also write. */
export function bareProvider(name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name
}

/** The documented name on the wire, `oauth_google` for `google`: the inverse of `bareProvider` for every bare name. */
export function wireProvider(bare: string): string {
  return PREFIX + bare
}

/** Returns the bare name. */
export function checkProvider(value: string, argument = 'provider'): string {
  const bare = bareProvider(value)
  if (bare.length === 0 || bare.length > 100 || !providerCharacters.test(bare) || onlyDots.test(bare))
    throw badUserInput(
      `${argument} must be a provider name such as "oauth_google" or "google": 1 to 100 letters, digits and _ . - only.`,
    )
  return bare
}
