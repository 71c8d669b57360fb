import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hasUniqueMembers } from '../../src/lib/json.ts'

it.each([
  ['{}', true],
  ['{"a":1,"b":{"a":1},"c":[{"a":1}]}', true],
  ['{"a":1,"A":1}', true],
  ['{"a":"a","b":"{\\"a\\":1,\\"a\\":2}"}', true],
  [String.raw`{"a\\":1,"a":2}`, true],
  ['{"a":1,"a":1}', false],
  ['{ "a" : 1 , "b":{"x":[1,{"y":"}"}]}, "a" : 2 }', false],
  [String.raw`{"a":1,"\u0061":2}`, false],
  [String.raw`{"\"":1,"\u0022":2}`, false],
  ['{"":1,"":2}', false],
  ['{"__proto__":1,"__proto__":2}', false],
])('%s: %s', (json, expected) => {
  expect(hasUniqueMembers(json)).toBe(expected)
})

it('accepts whatever JSON.stringify writes, and refuses it with any of its members repeated', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
      fc.nat(),
      fc.constantFrom(0, 2),
      (object, index, indent) => {
        const json = JSON.stringify(object, null, indent)
        expect(hasUniqueMembers(json)).toBe(true)
        const names = Object.keys(object)
        const name = JSON.stringify(names[index % names.length])
        expect(hasUniqueMembers(json.replace(/\}$/, () => `,${name}:0}`))).toBe(false)
      },
    ),
  )
})
