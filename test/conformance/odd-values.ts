/** Every field of the answers that speak of an account, and the odd values that are put into it one by one. */
import type { Received } from '../servers/local.ts'

/** The value that stands for a field that is left out. */
const absent = Symbol('absent')

/** Other types, nothing, and numbers that no clock and no id has (docs/platforms: what servers write for "never"). */
export const oddValues: readonly unknown[] = [
  absent,
  null,
  '',
  'odd \u0000 text',
  -62_135_596_800,
  2 ** 63,
  1e300,
  0.5,
  true,
  [],
  ['a', 1],
  { odd: {} },
]

/** The same for the columns of a database. */
export const oddColumns = [null, '', 'odd text', -62_135_596_800, 1e300, 0.5, new Uint8Array([255, 0])] as const

type Step = string | number

/** One field of one answer. */
export interface Field {
  readonly request: string
  /** A text of the answer: others have the same request. */
  readonly mark: string
  readonly path: readonly Step[]
  /** The last name on the way. */
  readonly name: string
  /** Whether the field is about the whole user: other accounts of the user are beside it. */
  readonly isOfUser: boolean
}

/** What tells accounts apart in an answer. */
export interface Markers {
  /** Texts that only the account itself has. */
  readonly own: readonly string[]
  /** Its user, as the requests name it. */
  readonly user: string
  /** The platform's name of its provider. */
  readonly provider: string
  /** Texts of the other accounts; the names of their providers. */
  readonly others: readonly string[]
  readonly otherProviders: readonly string[]
}

/** The request, as what tells its answers from others. */
export function requestOf({ method, path, query, body }: Received): string {
  return `${method} ${path}?${query.toString()} ${method === 'POST' ? body.replace(/eyJ[\w.-]+|subject_token=[^&]+/g, '') : ''}`
}

/** The fields of an answer that are about the account, or about its user. */
export function fieldsOf(request: string, body: unknown, markers: Markers): readonly Field[] {
  const { own, user, provider, others, otherProviders } = markers
  const has = (value: unknown, texts: readonly string[], names: readonly string[]): boolean => {
    if (typeof value === 'string') return texts.some((text) => value.includes(text)) || names.includes(value)
    if (value === null || typeof value !== 'object') return false
    return Object.entries(value).some(
      ([key, child]) => (!Array.isArray(value) && names.includes(key)) || has(child, texts, names),
    )
  }
  const isOfVictim = decodeURIComponent(request).includes(user)
  const isNamed = has(body, own, [])
  // A list may name the account by its provider alone.
  if (!isNamed && !(isOfVictim && has(body, [], [provider]) && !has(body, others, []))) return []
  const mark = own.find((text) => has(body, [text], [])) ?? provider
  const found: Field[] = []

  function visit(value: unknown, path: readonly Step[]): void {
    if (value === null || typeof value !== 'object') return
    const isShared = has(value, others, otherProviders)
    for (const [key, child] of Object.entries(value)) {
      const isForeign = has(child, others, otherProviders) || otherProviders.includes(key)
      // Another account, although at the same provider; a list may hold this one, too.
      if (isForeign && !has(child, own, Array.isArray(child) ? [provider] : [])) continue
      const step = Array.isArray(value) ? Number(key) : key
      const way = [...path, step]
      const name = way.findLast((each) => typeof each === 'string') ?? ''
      // A list that also holds the others is no field of the account.
      // What holds the account alone is a row of it; what stands beside the rows is about the user.
      const isRow = !isForeign && (Array.isArray(value) || has(child, own, [provider]))
      if (!(isForeign && Array.isArray(child)))
        found.push({ request, mark, path: way, name, isOfUser: isShared && !isRow })
      visit(child, way)
    }
  }

  visit(body, [])
  return found
}

/** Puts the value into the field of the answer. */
export function put(body: unknown, path: readonly Step[], value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (body === null || typeof body !== 'object') return body
  const copy = (Array.isArray(body) ? [...(body as unknown[])] : { ...body }) as Record<Step, unknown>
  if (rest.length > 0) copy[step] = put(copy[step], rest, value)
  else if (value !== absent) copy[step] = value
  else if (Array.isArray(copy)) copy.splice(Number(step), 1)
  else Reflect.deleteProperty(copy, step)
  return copy
}
