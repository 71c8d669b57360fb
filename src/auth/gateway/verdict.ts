/** What came of looking for one kind of proof. */

export type Verdict =
  | {
      readonly holds: true
      /** Which proof it was, for the log: its kind and, where there is one, the id of its key. */
      readonly by: string
    }
  | {
      readonly holds: false
      /** For the log alone: a phrase of ours, never a part of the request. */
      readonly reason: string
    }

export function fails(reason: string): Verdict {
  return { holds: false, reason }
}
