/** The rules about ids and provider names. A check throws BAD_USER_INPUT that names the argument, never the value. */
import { badUserInput } from '../errors.ts'

/** UTF-16 code units: of a user id, and of an account id, which some platforms build from a user id and a name. */
const MAX_ID_LENGTH = 255
const MAX_ACCOUNT_ID_LENGTH = 1024
const MAX_PROVIDER_LENGTH = 100

const PREFIX = 'oauth_'

/**
 * Control characters, line separators and the bidirectional controls (UAX #9): what breaks a header or rewrites a log
 * line or a terminal. Everything else is the platform's own affair: ids hold `+`, `/`, `=`, spaces and any script.
 */
const unsafe = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u
const everyUnsafe = new RegExp(unsafe, 'gu')

/** Whether a value that a platform gave can be shown, logged and asked for again. */
export function isOpaque(value: string, maxLength: number): boolean {
  return value.length > 0 && value.length <= maxLength && value.isWellFormed() && !unsafe.test(value)
}

/** The text without what is unsafe in it, for values that are only shown; null where nothing is left. */
export function displayText(value: string | null): string | null {
  if (value === null || !unsafe.test(value)) return value
  return value.replace(everyUnsafe, '') || null
}

/** Returns the id, which is never normalised; every use of it encodes it. */
export function checkId(value: string, argument: string, maxLength = MAX_ID_LENGTH): string {
  if (value.length === 0) throw badUserInput(`${argument} is empty.`)
  if (value.length > maxLength)
    throw badUserInput(`${argument} has ${value.length} characters; at most ${maxLength} are allowed.`)
  if (!isOpaque(value, maxLength))
    throw badUserInput(`${argument} must be well-formed Unicode without control characters.`)
  return value
}

/** The same for the id of a connected account. */
export function checkAccountId(value: string, argument: string): string {
  return checkId(value, argument, MAX_ACCOUNT_ID_LENGTH)
}

/** One name out of several ids, for maps. No checked id holds a line feed. */
export function joinIds(...ids: readonly string[]): string {
  return ids.join('\n')
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
  // `*` stands for every provider that is not listed.
  if (!isOpaque(bare, MAX_PROVIDER_LENGTH) || bare === '*')
    throw badUserInput(
      `${argument} must be a provider name such as "oauth_google" or "google": 1 to 100 characters, none of them a control character.`,
    )
  return bare
}
