/**
 * The configuration file as JSON Schema (draft-07, which editors read), out of the zod schemas: for messages, for the
 * reference in the docs and, published as `tokengraph.schema.json`, for editors.
 */
import { z } from 'zod'
import { valueAt } from '../lib/issues.ts'
import type { Path } from '../lib/issues.ts'
import { fileSchema } from './schema.ts'
import type { Registry } from './schema.ts'

export type JsonSchema = z.core.JSONSchema.JSONSchema

/** What a user may write: `io: 'input'` gives the side before defaults and transforms. */
export function inputSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...described } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-07',
    unrepresentable: 'any', // a platform of a library user may have a schema of any kind
  })
  return described
}

/** The whole file; the options of an upstream follow from its `platform`. */
export function describeFile(registry: Registry): JsonSchema {
  const file = inputSchema(fileSchema(registry))
  const upstreams = asSchema(file.properties?.upstreams) ?? {}
  const entry = asSchema(upstreams.additionalProperties) ?? {}
  const allOf = Object.entries(registry).map(([platform, { options }]) => ({
    if: { properties: { platform: { const: platform } }, required: ['platform'] },
    then: withPlatform(inputSchema(options), platform, asSchema(entry.properties?.platform)),
  }))
  return {
    ...file,
    properties: { ...file.properties, upstreams: { ...upstreams, additionalProperties: { ...entry, allOf } } },
  }
}

/** The options of a platform, with the key that chose it. */
function withPlatform(options: JsonSchema, platform: string, key: JsonSchema | null): JsonSchema {
  const { enum: _, ...described } = key ?? {}
  return { ...options, properties: { platform: { ...described, const: platform }, ...options.properties } }
}

/** The schemas that a value may satisfy: the branches of a union, or those that `value` itself chooses. */
export function alternatives(schema: JsonSchema, value?: unknown): readonly JsonSchema[] {
  const chosen = schema.allOf?.map(asSchema).find((rule) => rule !== null && isChosen(asSchema(rule.if), value))
  const then = asSchema(chosen?.then)
  if (then !== null) return alternatives(then, value)
  return (
    schema.anyOf?.map(asSchema).flatMap((branch) => (branch === null ? [] : alternatives(branch, value))) ?? [schema]
  )
}

/** Whether the value has the constants of a condition. */
function isChosen(condition: JsonSchema | null, value: unknown): boolean {
  return Object.entries(condition?.properties ?? {}).every(
    ([key, expected]) => valueAt(value, [key]) === asSchema(expected)?.const,
  )
}

/** The schema of the value below `schema` at `key`; null where there is none. `value` is the one at `schema`. */
export function childSchema(schema: JsonSchema, key: string | number, value: unknown): JsonSchema | null {
  for (const branch of alternatives(schema, value)) {
    const { properties = {}, items, additionalProperties } = branch
    if (typeof key === 'number' && items !== undefined) return asSchema(items)
    if (Object.hasOwn(properties, key)) return asSchema(properties[key])
    const rest = asSchema(additionalProperties)
    if (rest !== null) return rest
  }
  return null
}

/** The schema at a path; null where there is none. `value` is the input at `schema`. */
export function schemaAt(schema: JsonSchema, path: Path, value: unknown): JsonSchema | null {
  const [key, ...rest] = path
  if (key === undefined) return schema
  const child = childSchema(schema, key, value)
  return child === null ? null : schemaAt(child, rest, valueAt(value, [key]))
}

/** The keys that a mapping at this schema may have. */
export function knownKeys(schema: JsonSchema, value?: unknown): readonly string[] {
  return alternatives(schema, value).flatMap(({ properties }) => Object.keys(properties ?? {}))
}

/** The words that a string at this schema may be; empty where it may be anything. */
export function knownWords(schema: JsonSchema): readonly string[] {
  return alternatives(schema).flatMap((branch) => (branch.enum ?? constOf(branch)).map(String))
}

function constOf(schema: JsonSchema): readonly unknown[] {
  return schema.const === undefined ? [] : [schema.const]
}

/** A schema that is an object; null for `true`, `false` and lists of schemas. */
export function asSchema(schema: unknown): JsonSchema | null {
  return schema !== null && typeof schema === 'object' && !Array.isArray(schema) ? (schema as JsonSchema) : null
}
