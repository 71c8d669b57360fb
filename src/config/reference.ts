/** The rows of docs/configuration.md, out of the JSON Schema of the file. */
import { platforms } from '../upstreams/registry.ts'
import { alternatives, asSchema, inputSchema } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { typeText } from './messages.ts'
import { fileSchema } from './schema.ts'
import type { Registry } from './schema.ts'

export interface Row {
  /** `general`, or the platform whose upstreams have this key. */
  readonly section: string
  /** `auth.services[].id`; `<name>` is a name that the operator chooses. */
  readonly key: string
  readonly type: string
  /** In Markdown; `required` where the key has to be there, empty where it may be left out without a default. */
  readonly default: string
  readonly description: string
}

/** Every key that the file may have, in the order of the schemas. */
export function describeConfig(registry: Registry = platforms): readonly Row[] {
  const general = describeChildren({ section: 'general', key: '' }, inputSchema(fileSchema(registry)), {})
  const perPlatform = Object.entries(registry).flatMap(([section, { options }]) =>
    describeChildren({ section, key: 'upstreams.<name>' }, inputSchema(options), {}),
  )
  return [...general, ...perPlatform]
}

interface At {
  readonly section: string
  readonly key: string
}

interface Facts {
  readonly isRequired: boolean
  /** The default of the mapping around, for the value at this key; undefined: it has none. */
  readonly inherited: unknown
}

function describe(at: At, schema: JsonSchema, { isRequired, inherited }: Facts): Row[] {
  const fallback = inherited ?? schema.default
  const branches = alternatives(schema)
  const nested = mergeRows(branches.flatMap((branch) => describeChildren(at, branch, fallback)))
  const isGroup = nested.length > 0 && branches.length === 1
  const { description = '' } = schema
  if (isGroup && description === '') return nested
  const stated = typeof schema.fallback === 'string' ? schema.fallback : defaultText(fallback, isRequired)
  return [{ ...at, type: typeOf(schema), default: stated, description }, ...nested]
}

/** A key that several alternatives have is one row. */
function mergeRows(rows: readonly Row[]): Row[] {
  return [...Map.groupBy(rows, ({ key }) => key).values()].flatMap((same) => {
    const [first] = same
    return first === undefined ? [] : [{ ...first, type: [...new Set(same.map(({ type }) => type))].join(' or ') }]
  })
}

function describeChildren({ section, key }: At, schema: JsonSchema, fallback: unknown): Row[] {
  const below = (name: string): At => ({ section, key: key === '' ? name : `${key}.${name}` })
  const items = asSchema(schema.items)
  if (items !== null)
    return alternatives(items).flatMap((branch) => describeChildren({ section, key: `${key}[]` }, branch, undefined))
  const defaults = fallback !== null && typeof fallback === 'object' ? (fallback as Record<string, unknown>) : {}
  const rows = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    describe(below(name), asSchema(child) ?? {}, {
      isRequired: schema.required?.includes(name) ?? false,
      inherited: defaults[name],
    }),
  )
  const rest = asSchema(schema.additionalProperties)
  if (rest === null || Object.keys(rest).length === 0) return rows
  return [...rows, ...describe(below('<name>'), rest, { isRequired: false, inherited: undefined })]
}

function typeOf(schema: JsonSchema): string {
  const lists = alternatives(schema).filter(({ type }) => type === 'array')
  const others = alternatives(schema).filter(({ type }) => type !== 'array')
  return [...(others.length > 0 ? [typeText({ anyOf: [...others] })] : []), ...lists.map(listText)].join(' or ')
}

function listText({ items }: JsonSchema): string {
  const element = asSchema(items) ?? {}
  const isGroup = alternatives(element).some(({ type }) => type === 'object')
  return isGroup ? 'a list of mappings' : `a list, each entry ${typeText(element)}`
}

function defaultText(fallback: unknown, isRequired: boolean): string {
  if (fallback !== undefined) return `\`${JSON.stringify(fallback)}\``
  return isRequired ? 'required' : ''
}
