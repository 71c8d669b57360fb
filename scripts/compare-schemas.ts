/** What changed between two schemas, by what it does to clients. */
import { CriticalityLevel, diff, DiffRule } from '@graphql-inspector/core'
import { buildSchema } from 'graphql'

/** A line for each change, as `OAuthAccessToken.label: Field 'label' was removed from …`. */
export interface SchemaChanges {
  /** Operations that worked do not work any more. */
  readonly breaking: readonly string[]
  /** They work, and may mean something else: a new enum value, another default; the end of what was deprecated. */
  readonly dangerous: readonly string[]
  readonly safe: readonly string[]
}

/** Both in SDL. What the released schema had marked as deprecated may be removed: that is dangerous, not breaking. */
export async function compareSchemas(released: string, current: string): Promise<SchemaChanges> {
  const rules = [DiffRule.suppressRemovalOfDeprecatedField]
  const changes = await diff(buildSchema(released), buildSchema(current), rules)
  const of = (level: CriticalityLevel) =>
    changes
      .filter(({ criticality }) => criticality.level === level)
      .map(({ path, message }) => (path === undefined ? message : `${path}: ${message}`))
  return {
    breaking: of(CriticalityLevel.Breaking),
    dangerous: of(CriticalityLevel.Dangerous),
    safe: of(CriticalityLevel.NonBreaking),
  }
}
