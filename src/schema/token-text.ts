/**
 * The text of a token in an answer, which is made once for each selection and kept with the row: it lives as long as the
 * row does, and is forgotten with it. What the caller may see is decided anew each time.
 */
import { authorizeSecrets } from './fields.ts'
import type { GraphContext } from './graph-context.ts'
import { fieldSet } from '../audit/trail.ts'
import { secretFields } from '../tokens/types.ts'
import type { SubjectToken } from '../tokens/types.ts'

/** How the texts of the objects of one type are kept. */
export interface RowText {
  /** Whether a value of a resolver is such a row: no error, promise or null. */
  isRow(value: unknown): boolean
  /** The set of the secrets among these fields. */
  secretsOf(fields: readonly string[]): number
  /**
   * Returns the texts of the row by their selections where the caller may read every one of the secrets, and records
   * that they leave. Null, with nothing recorded, where one may not leave: each field then decides by itself.
   */
  disclose(context: GraphContext, row: unknown, secrets: number): SubjectToken['texts'] | null
}

export const tokenText: RowText = {
  isRow: (value) => typeof value === 'object' && value !== null && 'auditTexts' in value,
  secretsOf: (fields) =>
    secretFields.filter((field) => fields.includes(field)).reduce((set, field) => set | fieldSet(field), 0),
  disclose: (context, held: SubjectToken, secrets) => (authorizeSecrets(context, held, secrets) ? held.texts : null),
}
