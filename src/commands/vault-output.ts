/** Where the `vault` commands print. */
import type { Terminal } from './vault-progress.ts'

export interface Output {
  /** Results. */
  readonly out: Terminal
  /** Problems and progress. */
  readonly err: Terminal
}
