/** The rows of docs/configuration.md, out of the schemas themselves. */
import { z } from 'zod'
import { platforms } from '../upstreams/registry.ts'
import { fileSchema } from './schema.ts'
import type { Registry } from './schema.ts'
import { branches, unwrap } from './schema-walk.ts'
import { typeText } from './type-text.ts'

export interface Row {
  /** `general`, or the platform whose upstreams have this key. */
  readonly section: string
  /** `auth.services[].id`; `<name>` stands for a name that the operator chooses. */
  readonly key: string
  readonly type: string
  /** In Markdown; `required` where the key has to be there, empty where it may be left out and nothing takes its place. */
  readonly default: string
  readonly description: string
}

/** Every key that the file may have, in the order of the schemas. */
export function describeConfig(registry: Registry = platforms): readonly Row[] {
  const general = describe('general', '', fileSchema(registry), undefined)
  const perPlatform = Object.entries(registry).flatMap(([name, { options }]) =>
    describe(name, 'upstreams.<name>', options, undefined),
  )
  return [...general, ...perPlatform]
}

/** `inherited` is the default of the mapping around, for the value at this key. */
function describe(section: string, key: string, schema: z.ZodType, inherited: unknown): Row[] {
  const bare = unwrap(schema)
  const fallback = inherited ?? bare.fallback
  const nested = branches(schema).flatMap((branch) => describeChildren(section, key, branch, fallback))
  const isGroup = nested.length > 0 && branches(schema).length === 1
  if (key === '' || (isGroup && bare.description === '')) return nested
  const isOpen = key.endsWith('<name>')
  const row = {
    section,
    key,
    type: typeOf(bare.schema),
    default: bare.fallbackText ?? defaultText(fallback, bare.optional || isOpen),
    description: bare.description,
  }
  return [row, ...nested]
}

function describeChildren(section: string, key: string, schema: z.ZodType, fallback: unknown): Row[] {
  const below = (name: string): string => (key === '' ? name : `${key}.${name}`)
  if (schema instanceof z.ZodArray) {
    const element = schema.element as z.ZodType
    return branches(element).flatMap((branch) => describeChildren(section, `${key}[]`, branch, undefined))
  }
  if (schema instanceof z.ZodRecord) return describe(section, below('<name>'), schema.valueType as z.ZodType, undefined)
  if (!(schema instanceof z.ZodObject)) return []
  const defaults = fallback !== null && typeof fallback === 'object' ? (fallback as Record<string, unknown>) : {}
  const rows = Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, child]) =>
    describe(section, below(name), child, defaults[name]),
  )
  const rest = schema.def.catchall as z.ZodType | undefined
  const isOpen = rest !== undefined && !(rest instanceof z.ZodNever) && !(rest instanceof z.ZodUnknown)
  return isOpen ? [...rows, ...describe(section, below('<name>'), rest, undefined)] : rows
}

function typeOf(schema: z.ZodType): string {
  const texts = branches(schema).map((branch) => {
    if (!(branch instanceof z.ZodArray)) return null
    const element = branch.element as z.ZodType
    const isGroup = branches(element).some((inner) => inner instanceof z.ZodObject)
    return isGroup ? 'a list of mappings' : `a list, each entry ${typeText(element)}`
  })
  const plain = branches(schema).filter((_branch, index) => texts[index] === null)
  const first = plain.length === 0 ? [] : [typeText(plain.length === 1 && plain[0] ? plain[0] : schema)]
  return [...first, ...texts.filter((text) => text !== null)].join(' or ')
}

function defaultText(fallback: unknown, optional: boolean): string {
  if (fallback !== undefined) return `\`${JSON.stringify(fallback)}\``
  return optional ? '' : 'required'
}
