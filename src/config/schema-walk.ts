/** Walks zod schemas by path, so that messages and the docs follow from the schemas alone. */
import { z } from 'zod'
import type { Path } from './problems.ts'

/** A schema without its wrappers, and what the wrappers said. */
export interface Bare {
  readonly schema: z.ZodType
  /** The value that is taken when the key is left out; undefined: none. */
  readonly fallback: unknown
  readonly optional: boolean
  readonly description: string
  /** The default in words, for values that are decided outside the schema. */
  readonly fallbackText: string | null
}

/** Takes off defaults, optionality and transforms; the outermost description wins. */
export function unwrap(schema: z.ZodType): Bare {
  const inner = innerOf(schema)
  const meta = schema.meta()
  const rest: Bare =
    inner === null
      ? { schema, fallback: undefined, optional: false, description: '', fallbackText: null }
      : unwrap(inner)
  const hasDefault = schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
  return {
    schema: rest.schema,
    fallback: hasDefault ? schema.def.defaultValue : rest.fallback,
    optional: rest.optional || hasDefault || schema instanceof z.ZodOptional,
    description: meta?.description ?? rest.description,
    fallbackText: typeof meta?.fallback === 'string' ? meta.fallback : rest.fallbackText,
  }
}

function innerOf(schema: z.ZodType): z.ZodType | null {
  if (schema instanceof z.ZodPipe) {
    // `preprocess` has its transform first, `transform` has it last; what the operator writes is on the other side.
    const { in: input, out: output } = schema.def
    return (input instanceof z.ZodTransform ? output : input) as z.ZodType
  }
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodReadonly
  )
    return schema.def.innerType as z.ZodType
  return null
}

/** The schemas that a value may satisfy: the branches of a union, or the schema itself. */
export function branches(schema: z.ZodType): readonly z.ZodType[] {
  const bare = unwrap(schema).schema
  return bare instanceof z.ZodUnion ? bare.options.flatMap((option) => branches(option as z.ZodType)) : [bare]
}

/** The schema of a value below `schema`; null where there is none. */
export function schemaAt(schema: z.ZodType, path: Path): z.ZodType | null {
  const [segment, ...rest] = path
  if (segment === undefined) return schema
  for (const branch of branches(schema)) {
    const child = childOf(branch, segment)
    if (child !== null) return schemaAt(child, rest)
  }
  return null
}

function childOf(schema: z.ZodType, segment: string | number): z.ZodType | null {
  if (schema instanceof z.ZodArray && typeof segment === 'number') return schema.element as z.ZodType
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType
  if (!(schema instanceof z.ZodObject)) return null
  const shape = schema.shape as Record<string, z.ZodType>
  if (Object.hasOwn(shape, segment)) return shape[segment] ?? null
  return (schema.def.catchall as z.ZodType | undefined) ?? null
}

/** The keys that a mapping at this schema may have. */
export function knownKeys(schema: z.ZodType | null): readonly string[] {
  if (schema === null) return []
  return branches(schema).flatMap((branch) =>
    branch instanceof z.ZodObject ? Object.keys(branch.shape as object) : [],
  )
}

/** The words that a string at this schema may be; empty where it may be anything. */
export function knownWords(schema: z.ZodType | null): readonly string[] {
  if (schema === null) return []
  return branches(schema).flatMap((branch) => {
    if (branch instanceof z.ZodEnum) return branch.options.map(String)
    return branch instanceof z.ZodLiteral ? [...branch.values].map(String) : []
  })
}
