/** The interface of a proof of the gateway: what it reads of a request, and what it finds. */

import type { Answer } from '../lib/answer.ts'

/** The parts of a request that a proof may read. */
export interface ProofRequest {
  readonly method: string
  /** The path of the URL, without the query. */
  readonly path: string
  /** Returns the value of a header by its lower-case name; null where it is absent. */
  header(name: string): string | null
  /** Reads the bytes as they were sent. Rejects with BAD_USER_INPUT when there are too many. */
  body(): Promise<Uint8Array>
}

export type ProofResult =
  | {
      readonly ok: true
      /** The kind of proof and, where it has one, the id of its key; for the log. */
      readonly method: string
    }
  | {
      readonly ok: false
      /** For the log only: a fixed phrase, never a part of the request. */
      readonly reason: string
    }

/** Checks one kind of proof, or all that are configured. Rejects with a `CodedError` when it cannot decide. */
export type CheckProof = (request: ProofRequest) => Answer<ProofResult>

export function accepted(method: string): ProofResult {
  return { ok: true, method }
}

export function rejected(reason: string): ProofResult {
  return { ok: false, reason }
}
