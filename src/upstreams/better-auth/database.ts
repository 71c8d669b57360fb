/** What the platform needs of a database: types only. */
import type { Call } from '../platform.ts'

export interface Query {
  /** A short name for logs and metrics. */
  readonly operation: 'better-auth.tokens' | 'better-auth.accounts'
  /** How many keys the statement answers for. */
  readonly keys: number
  /** The user ids, and the names of the providers where tokens are asked for. */
  readonly values: readonly (readonly string[])[]
}

export interface Database {
  /** One statement. Throws the reason of `call.signal`, or a CodedError whose cause is a short code alone. */
  select(query: Query, call: Call): Promise<readonly unknown[]>
  /** Waits for the statements under way, each bounded by its deadline. */
  close(): Promise<void>
}
