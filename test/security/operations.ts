/** The operations that go one way to one secret, in every form in which GraphQL lets a caller write them. */
import { argumentsOf } from './coordinates.ts'
import { coordinateOf } from './ways.ts'
import type { Step, Way } from './ways.ts'

export interface Asked {
  readonly subject: string
  readonly provider: string
}

export interface Operation {
  readonly name: string
  /** Whether the operation names the subject; otherwise the viewer is the subject. */
  readonly ofViewer: boolean
  /** Whether the operation names the provider; otherwise it asks for all that may be read. */
  readonly namesProvider: boolean
  readonly query: string
}

type Form = (way: readonly Written[], leaf: Step) => string

interface Written extends Step {
  readonly args: string
}

/** `{ user(id: $subject) { oauth_access_tokens(provider: $provider) { token } } }` around each other. */
const nest =
  (write: (step: Written | Step, args: string, inner: string) => string): Form =>
  (steps, leaf) =>
    `{ ${steps.reduceRight((inner, step) => write(step, step.args, `{ ${inner} }`), write(leaf, '', ''))} }`

/** Types of a union need a condition on every way. */
const onType = (step: Step, text: string) => (step.of === 'User' ? `... on User { ${text} }` : text)

const plain = nest((step, args, inner) => onType(step, `${step.field}${args} ${inner}`))

const forms: Readonly<Record<string, Form>> = {
  plain,
  aliased: nest((step, args, inner) => onType(step, `my_${step.field}: ${step.field}${args} ${inner}`)),
  'in inline fragments': nest((step, args, inner) => `... on ${step.of} { ... { ${step.field}${args} ${inner} } }`),
  'under directives': nest((step, args, inner) =>
    onType(step, `${step.field}${args} @include(if: true) @skip(if: false) ${inner}`),
  ),
  'in named fragments': (steps, leaf) => {
    const all = [...steps, { ...leaf, args: '' }]
    const fragments = all.map(
      ({ of, field, args }, n) =>
        `fragment F${String(n)} on ${of} { ${field}${args} ${n + 1 < all.length ? `{ ...F${String(n + 1)} }` : ''} }`,
    )
    return `{ ...F0 } ${fragments.join(' ')}`
  },
  'twice, once as somebody else': (steps, leaf) => {
    const [root, ...rest] = steps
    if (root === undefined) throw new Error('a way has a root field')
    const inner = plain(rest, leaf)
    const decoy = root.args.replace('$subject', '"nobody_9"')
    return `{ b: ${root.field}${decoy} ${inner} a: ${root.field}${root.args} ${inner} }`
  },
}

const variables = {
  $subject: '$subject: ID!',
  $provider: '$provider: String!',
  $account: '$account: ID!',
  $representations: '$representations: [_Any!]!',
} as const

/** All of them; a field without arguments in the table is an error, so that no new way goes untested. */
export function operationsOf(way: Way): readonly Operation[] {
  const leaf = way.at(-1)!
  return expand(way.slice(0, -1)).flatMap((steps) =>
    Object.entries(forms).map(([form, write]) => {
      const body = write(steps, leaf)
      const declared = Object.entries(variables).filter(([name]) => body.includes(name))
      const head = declared.length === 0 ? 'query' : `query (${declared.map(([, text]) => text).join(', ')})`
      const path = [...steps.map((step) => `${step.field}${step.args}`), leaf.field].join(' > ')
      return {
        name: `${path}, ${form}`,
        ofViewer: steps[0]?.field === 'me',
        namesProvider: body.includes('$provider'),
        query: `${head} ${body}`,
      }
    }),
  )
}

export function variablesOf({ subject, provider }: Asked): Readonly<Record<string, unknown>> {
  return {
    subject,
    provider,
    account: `eac_${subject}_${provider}`,
    representations: [{ __typename: 'User', id: subject }],
  }
}

/** One list of steps for each choice of arguments. */
function expand(steps: Way): readonly (readonly Written[])[] {
  return steps.reduce<readonly (readonly Written[])[]>(
    (lists, step) => {
      const choices = argumentsOf[coordinateOf(step)]
      if (choices === undefined) throw new Error(`${coordinateOf(step)} leads to a secret and has no row`)
      return lists.flatMap((list) => choices.map((args) => [...list, { ...step, args }]))
    },
    [[]],
  )
}
