import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isWithinDepth, parseJson } from '../../src/lib/json.ts'

it('parseJson returns what JSON.parse returns, and undefined for any other text', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseJson(text)).toEqual(JSON.parse(text))
    }),
  )
  for (const text of ['', 'undefined', '{', '{"a":1}x', "{'a':1}"]) expect(parseJson(text)).toBeUndefined()
})

it('parseJson reads bytes in UTF-8, and refuses bytes that are not', () => {
  expect(parseJson(Buffer.from('{"a":"Größe"}'))).toEqual({ a: 'Größe' })
  expect(parseJson(Buffer.from('{"a":"Größe"}', 'latin1'))).toBeUndefined()
})

it.each([
  ['null', 0],
  ['"text"', 0],
  ['[]', 0],
  ['[1]', 1],
  ['{"a":{"b":[]}}', 2],
  ['{"a":1,"b":{"c":{"d":0}}}', 3],
])('isWithinDepth counts the levels below the outermost value: %s has %i', (json, depth) => {
  expect(isWithinDepth(JSON.parse(json), depth)).toBe(true)
  if (depth > 0) expect(isWithinDepth(JSON.parse(json), depth - 1)).toBe(false)
})

it('isWithinDepth does not exhaust the stack', () => {
  expect(isWithinDepth(JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)), 32)).toBe(false)
})
