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

/** The file; the options of an upstream follow from its `platform`. `platforms`: those whose options are needed. */
export function describeFile(registry: Registry, platforms: readonly string[]): JsonSchema {
  return withPlatforms(inputSchema(fileSchema(registry)), platforms, (name) => describeOptions(registry, name))
}

function withPlatforms(
  file: JsonSchema,
  platforms: readonly string[],
  optionsOf: (platform: string) => JsonSchema,
): JsonSchema {
  const upstreams = asSchema(file.properties?.upstreams) ?? {}
  const entry = asSchema(upstreams.additionalProperties) ?? {}
  const allOf = platforms.map((platform) => ({
    if: { properties: { platform: { const: platform } }, required: ['platform'] },
    then: optionsOf(platform),
  }))
  return {
    ...file,
    properties: { ...file.properties, upstreams: { ...upstreams, additionalProperties: { ...entry, allOf } } },
  }
}

/** The options of a platform, with the key that chooses it. */
function describeOptions(registry: Registry, platform: string): JsonSchema {
  const options = inputSchema(registry[platform]?.options ?? z.never())
  return { ...options, properties: { platform: { const: platform }, ...options.properties } }
}

/** The schemas that a value may satisfy: the branches of a union, or those that `value` itself chooses. */
export function alternatives(schema: JsonSchema, value?: unknown): readonly JsonSchema[] {
  const rules = schemasOf(schema.allOf)
  const chosen = rules.find((rule) => rule.if !== undefined && hasConstants(asSchema(rule.if) ?? {}, value))
  if (chosen !== undefined) return alternatives(asSchema(chosen.then) ?? {}, value)
  const branches = [...unionOf(schema), ...rules.filter((rule) => rule.if === undefined)]
  return branches.length === 0 ? [schema] : branches.flatMap((branch) => alternatives(branch, value))
}

/** The branches of a union: zod prints those of a discriminated one as `oneOf`. */
function unionOf({ anyOf, oneOf }: JsonSchema): readonly JsonSchema[] {
  return [...schemasOf(anyOf), ...schemasOf(oneOf)]
}

function schemasOf(schemas: readonly unknown[] = []): JsonSchema[] {
  return schemas.map(asSchema).filter((schema) => schema !== null)
}

/** Whether the value has the constants of a condition. */
function hasConstants({ properties = {} }: JsonSchema, value: unknown): boolean {
  return Object.entries(properties).every(([key, expected]) => valueAt(value, [key]) === asSchema(expected)?.const)
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

const PUBLISHED_AT = 'https://unpkg.com/tokengraph/tokengraph.schema.json'

const variables: Readonly<Record<string, JsonSchema>> = {
  variable: {
    description: 'A variable of the environment: it becomes a number or a boolean where one is expected.',
    type: 'string',
    pattern: String.raw`^\$\{(?:[A-Za-z_][A-Za-z0-9_]*|file:[^{}]+)\}$`,
  },
  text_with_variable: {
    description: 'Text in which variables of the environment are replaced.',
    type: 'string',
    pattern: String.raw`\$\{(?:[A-Za-z_][A-Za-z0-9_]*|file:[^{}]+)\}`,
  },
}

/** `tokengraph.schema.json`: what an editor completes and checks. Rules between the parts are left to the server. */
export function publishedSchema(registry: Registry): JsonSchema {
  const file = publish(inputSchema(fileSchema(registry)))
  const platforms = Object.keys(registry)
  const options = platforms.map((platform) => [platform, publish(describeOptions(registry, platform))])
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: PUBLISHED_AT,
    title: 'tokengraph configuration',
    ...withPlatforms(file, platforms, (platform) => ({ $ref: `#/definitions/${platform}` })),
    definitions: { ...variables, ...(Object.fromEntries(options) as Record<string, JsonSchema>) },
  }
}

/** A copy without what only this server reads, in which every value that is checked may be a variable instead. */
function publish(schema: JsonSchema): JsonSchema {
  const {
    fallback: stated,
    renamed: _,
    properties,
    items,
    additionalProperties,
    anyOf: _any,
    oneOf: _one,
    ...rest
  } = schema
  // Never `oneOf`: a variable may satisfy several branches.
  const union = unionOf(schema).flatMap((branch) => branchesOf(publish(branch)))
  const nested = (child: unknown): JsonSchema => publish(asSchema(child) ?? {})
  const published: JsonSchema = {
    ...withoutSafeBounds(rest),
    ...(typeof stated === 'string' && { description: `${rest.description ?? ''} Left out: ${stated}.`.trimStart() }),
    ...(properties && { properties: mapValues(properties, nested) }),
    ...(items !== undefined && { items: nested(items) }),
    ...(additionalProperties !== undefined && {
      additionalProperties: additionalProperties === false ? false : nested(additionalProperties),
    }),
    ...(union.length > 0 && { anyOf: union }),
  }
  const variable = variableFor(schema)
  if (variable === null) return published
  const { description, default: fallback, ...constraint } = published
  return {
    ...(description !== undefined && { description }),
    ...(fallback !== undefined && { default: fallback }),
    anyOf: [constraint, { $ref: `#/definitions/${variable}` }],
  }
}

/** The alternative of a value that a variable would not satisfy as it is written; null: there is none, or no need. */
function variableFor({ type, enum: words, const: word, pattern, format, minLength = 0 }: JsonSchema): string | null {
  if (type === 'number' || type === 'integer' || type === 'boolean') return 'variable'
  const isFree = [words, word, pattern, format].every((rule) => rule === undefined) && minLength <= '${A}'.length
  return type === 'string' && !isFree ? 'text_with_variable' : null
}

/** Unions of unions become one, so that an editor lists their branches side by side. */
function branchesOf(schema: JsonSchema): JsonSchema[] {
  return Object.keys(schema).join() === 'anyOf' ? schemasOf(schema.anyOf) : [schema]
}

/** Whole numbers have the safe integers as their bounds, which say nothing to an operator. */
function withoutSafeBounds({ minimum, maximum, ...rest }: JsonSchema): JsonSchema {
  return {
    ...rest,
    ...(minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER && { minimum }),
    ...(maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER && { maximum }),
  }
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
