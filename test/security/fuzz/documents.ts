/** Operations out of a grammar of GraphQL, half of them with the names of the schema; variables to go with them. */
import fc from 'fast-check'
import { isInputObjectType, isObjectType } from 'graphql'
import { schema } from '../../../src/schema/index.ts'
import { seeds } from './bombs.ts'
import { mutated } from './mutate.ts'

const types = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type))
const fields = types.flatMap((type) => Object.values(type.getFields()))
const inputs = Object.values(schema.getTypeMap()).filter((type) => isInputObjectType(type))
const argumentsOf = [
  ...fields.flatMap((field) => field.args.map((argument) => argument.name)),
  ...inputs.flatMap((type) => Object.keys(type.getFields())),
]

const invented = fc.stringMatching(/^[_A-Za-z][_0-9A-Za-z]{0,12}$/)
const fieldName = fc.oneof(fc.constantFrom(...fields.map((field) => field.name)), fc.constant('__typename'), invented)
const typeName = fc.oneof(fc.constantFrom(...types.map((type) => type.name), '_Entity', 'ID', 'String'), invented)
const argumentName = fc.oneof(fc.constantFrom(...argumentsOf), invented)
const variable = fc.constantFrom('$a', '$b', '$id', '$r')
const fragmentName = fc.constantFrom('A', 'B', 'C')
const join = (parts: readonly string[]) => parts.join(' ')
const listOf = (part: fc.Arbitrary<string>, max: number) => fc.array(part, { maxLength: max }).map(join)

const { selection } = fc.letrec<{ value: string; selection: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      fc.constantFrom(
        '"user_1"',
        '"google"',
        '""',
        'null',
        'true',
        'ENUM',
        '""" block """',
        '-0',
        '1e400',
        '9007199254740993',
      ),
      fc.string().map((text) => JSON.stringify(text)),
      fc.double().map(String),
      variable,
    ),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
    fc
      .array(fc.tuple(argumentName, tie('value')), { maxLength: 3 })
      .map((items) => `{${items.map((item) => item.join(': ')).join(', ')}}`),
  ),
  selection: fc.oneof(
    { maxDepth: 5 },
    fieldName,
    fc
      .record({
        alias: fc.option(
          invented.map((name) => `${name}: `),
          { nil: '' },
        ),
        name: fieldName,
        args: fc.array(fc.tuple(argumentName, tie('value')), { maxLength: 3 }),
        directive: fc.option(fc.constantFrom('@include(if: true)', '@skip(if: $a)', '@deprecated', '@x(y: 1)'), {
          nil: '',
        }),
        inside: fc.array(tie('selection'), { maxLength: 4 }),
      })
      .map(({ alias, name, args, directive, inside }) => {
        const given = args.length === 0 ? '' : `(${args.map((item) => item.join(': ')).join(', ')})`
        return `${alias}${name}${given} ${directive} ${inside.length === 0 ? '' : `{ ${join(inside)} }`}`
      }),
    fc
      .tuple(typeName, fc.array(tie('selection'), { minLength: 1, maxLength: 4 }))
      .map(([type, inside]) => `... on ${type} { ${join(inside)} }`),
    fragmentName.map((name) => `...${name}`),
  ),
}))

const definition = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          'query',
          'query Q',
          'query Q($a: Boolean = true, $id: ID!)',
          'query ($r: [_Any!]!)',
          'mutation',
          'subscription S',
          '',
        ),
        fc.array(selection, { minLength: 1, maxLength: 5 }),
      )
      .map(([head, inside]) => `${head} { ${join(inside)} }`),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fragmentName, typeName, fc.array(selection, { minLength: 1, maxLength: 4 }))
      .map(([name, type, inside]) => `fragment ${name} on ${type} { ${join(inside)} }`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'type T { a: Int }',
      'schema { query: Q }',
      'extend type User { x: ID }',
      '"""x""" scalar S',
    ),
  },
)

const grammatical = listOf(definition, 4)

/** The text of an operation. */
export const operations = fc.oneof(
  { weight: 3, arbitrary: grammatical },
  { weight: 1, arbitrary: grammatical.chain(mutated) },
  { weight: 3, arbitrary: fc.constantFrom(...seeds).chain(mutated) },
)

const representation = fc.oneof(
  fc.constantFrom<unknown>(
    { __typename: 'User', id: 'user_1' },
    { __typename: 'User', id: '../x' },
    { __typename: 'Query' },
    0,
    null,
  ),
  fc.anything({ maxDepth: 2, withNullPrototype: false }),
)

/** The variables of an operation, as JSON would carry them. */
export const variables = fc.record(
  {
    id: fc.oneof(fc.constantFrom('user_1', 'user_2'), fc.string(), fc.anything({ maxDepth: 1 })),
    a: fc.oneof(fc.boolean(), fc.string()),
    p: fc.oneof(fc.constantFrom('google', 'oauth_x'), fc.string()),
    r: fc.oneof(fc.array(representation, { maxLength: 30 }), fc.constant(new Array(5000).fill(0))),
  },
  { requiredKeys: [] },
)
