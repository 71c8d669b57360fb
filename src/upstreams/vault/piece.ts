/** The parts that the text of an import is cut into. */

/** The text of one record. */
export interface Piece {
  /** Where the record begins, counted from 1. */
  readonly line: number
  /** The place in an array, counted from 1; null for NDJSON. */
  readonly index: number | null
  readonly text: string
  /** What is wrong, when the record could not even be cut out. */
  readonly problem?: string
}

export interface Splitter {
  /** The records that this much more of the text completes. */
  push(text: string): readonly Piece[]
  /** The record that has begun and not yet ended; its text is `''` between two records. */
  pending(): Piece
  /** What the end of the text completes. */
  end(): readonly Piece[]
}
