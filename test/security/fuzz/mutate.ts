/** Mutations of bytes: what a grammar would never write. */
import fc from 'fast-check'

type Mutation = (bytes: Buffer) => Buffer

const splice = (bytes: Buffer, at: number, drop: number, insert: Uint8Array): Buffer => {
  const position = bytes.length === 0 ? 0 : at % bytes.length
  return Buffer.concat([bytes.subarray(0, position), insert, bytes.subarray(position + drop)])
}

const place = fc.nat({ max: 100_000 })
const interesting = fc.constantFrom(
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '"',
  '"""',
  '...',
  '@',
  '$',
  '!',
  '\\',
  '\0',
  '\u{FEFF}',
  '\u{D800}',
  '#',
  '\r',
  '...F',
  '__proto__',
  '\\u0000',
)

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 4 })).map(
    ([at, bytes]): Mutation =>
      (given) =>
        splice(given, at, bytes.length, bytes),
  ),
  fc.tuple(place, interesting).map(
    ([at, text]): Mutation =>
      (given) =>
        splice(given, at, 0, Buffer.from(text)),
  ),
  fc.tuple(place, fc.nat({ max: 40 })).map(
    ([at, count]): Mutation =>
      (given) =>
        splice(given, at, count, Buffer.alloc(0)),
  ),
  fc
    .tuple(place, place, fc.nat({ max: 200 }), fc.nat({ max: 5 }))
    .map(([from, to, length, times]): Mutation => (given) => {
      const start = given.length === 0 ? 0 : from % given.length
      const piece = given.subarray(start, start + length)
      return splice(given, to, 0, Buffer.concat(new Array<Buffer>(times).fill(piece)))
    }),
)

/** One to six mutations of the text, which then may be no UTF-8 any more. */
export function mutatedBytes(text: string): fc.Arbitrary<Buffer> {
  return fc
    .array(mutation, { minLength: 1, maxLength: 6 })
    .map((steps) => steps.reduce<Buffer>((bytes, step) => step(bytes), Buffer.from(text)))
}

export function mutated(text: string): fc.Arbitrary<string> {
  return mutatedBytes(text).map((bytes) => bytes.toString())
}
