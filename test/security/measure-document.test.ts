import { getIntrospectionQuery, parse } from 'graphql'
import { expect, test } from 'vitest'
import { measureDocument } from '../../src/server/limits/documents.ts'

const measure = (text: string) => measureDocument(parse(text))

test('counts fields, levels, aliases and directives', () => {
  expect(measure('query ($a: Int @a) @b { x: a @c { b { c } } ... @d { y: d } }')).toStrictEqual({
    fields: 4,
    depth: 3,
    aliases: 2,
    directives: 4,
    outermost: 2,
    introspection: { fields: 0, depth: 0 },
  })
})

test('counts a fragment once for each spread', () => {
  const { fields, depth, aliases, outermost } = measure(
    '{ ...F a { ...F } b { ... on T { ...F } } } fragment F on T { x: c { d } e }',
  )
  expect({ fields, depth, aliases, outermost }).toStrictEqual({ fields: 11, depth: 3, aliases: 3, outermost: 4 })
})

test('measures fragments that nothing spreads, and the largest of several operations', () => {
  const { fields, depth } = measure('query A { a } query B { b c } fragment F on T { d { e { f } } g }')
  expect({ fields, depth }).toStrictEqual({ fields: 4, depth: 3 })
})

test('ends at fragments that spread themselves, and at unknown ones', () => {
  expect(measure('{ ...A } fragment A on T { a ...B } fragment B on T { b ...A ...A }').fields).toBeLessThan(10)
  expect(measure('{ ...Nobody a }').fields).toBe(1)
})

// As long as the largest operation that can be configured: 5,000 tokens.
test('grows with the exponent and not with the time', () => {
  const chain = Array.from({ length: 450 }, (_, n) => {
    const next = `...F${String(n + 1)}`
    return `fragment F${String(n)} on T { ${next} ${next} }`
  })
  const { fields } = measure(`{ ...F0 } ${chain.join(' ')} fragment F450 on T { a }`)
  expect(fields).toBe(2 ** 450)
})

test('goes as deep as the largest operation that can be configured', () => {
  expect(measure(`${'{a'.repeat(1600)}${'}'.repeat(1600)}`).depth).toBe(1600)
  const chain = Array.from({ length: 620 }, (_, n) => `fragment F${String(n)} on T { ...F${String(n + 1)} }`)
  expect(measure(`{ ...F0 } ${chain.join(' ')} fragment F620 on T { a }`).fields).toBe(1)
})

test('keeps introspection apart, in fragments as well', () => {
  const { fields, depth, introspection } = measure(getIntrospectionQuery({ oneOf: true, inputValueDeprecation: true }))
  expect({ fields, depth }).toStrictEqual({ fields: 1, depth: 1 })
  expect(introspection.depth).toBeGreaterThan(8)
  expect(measure('{ a { __type(name: "T") { b { c } } } }').depth).toBe(2)
})
