/** Scalars beyond the built-in ones; both carry `@specifiedBy`. */
import { safeJsonObject } from '../lib/json.ts'
import { builder } from './builder.ts'

builder.scalarType('JSON', {
  description:
    'A JSON object of any depth (ECMA-404). Keys that could reach a prototype (`__proto__`, `constructor`, `prototype`) are left out.',
  specifiedByURL: 'https://ecma-international.org/publications-and-standards/standards/ecma-404/',
  // Every platform's metadata passes here, so this is where the rule about keys holds for all of them.
  serialize: (value) => safeJsonObject(value),
  parseValue: refuseInput,
})

builder.scalarType('UnixTimestamp', {
  description: 'Whole seconds since 1970-01-01T00:00:00Z; an integer that may exceed 32 bits.',
  specifiedByURL: 'https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap04.html#tag_04_19',
  serialize: (value) => {
    if (!Number.isSafeInteger(value)) throw new TypeError('UnixTimestamp must be a whole number of seconds')
    return value
  },
  parseValue: refuseInput,
})

function refuseInput(): never {
  throw new TypeError('This scalar is for output only.')
}
