/** For platforms whose user ids are UUIDs: anything else is refused here, before it can spoil a call. */
import { badUserInput } from '../errors.ts'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whether the platform can know this user at all. */
export function isUuid(value: string): boolean {
  return uuid.test(value)
}

/** The id in lower case, as the platforms answer it; BAD_USER_INPUT that never echoes the value. */
export function checkUuid(value: string, argument: string): string {
  if (!isUuid(value)) throw badUserInput(`${argument} must be a UUID at the platform that serves the provider.`)
  return value.toLowerCase()
}
