/** Which user ids can be in the database at all. */
import type { UserIdType } from './options.ts'

/** The distinct ids that the column can hold: PostgreSQL fails the whole statement for a single one that it cannot. */
export type UserIds = (ids: readonly string[]) => readonly string[]

// As PostgreSQL prints them, so that the answer can be put back to the key.
const forms: Readonly<Record<UserIdType, RegExp>> = {
  text: /^/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  integer: /^(0|[1-9]\d{0,17})$/,
}

export function createUserIds(type: UserIdType): UserIds {
  return (ids) => [...new Set(ids)].filter((id) => forms[type].test(id))
}
